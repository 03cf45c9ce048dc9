"""An issuer of tokens on this machine: real HTTP, keys that can be exchanged, and answers that go wrong on demand."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from serving.access.issuer_keys import DISCOVERY
from serving.access.issuers import Issuer
from serving.access.tokens import ALGORITHMS

JWKS = "/keys"
AUDIENCE = "garonne"
SigningKey = RSAKey | ECKey


def rsa(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


def ec(kid: str) -> ECKey:
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig"})


@dataclass
class ScriptedIssuer:
    """What it says, and what it was asked."""

    keys: list[SigningKey]
    url: str = ""
    said: dict[str, Any] = field(default_factory=dict)  # in its configuration, over what is right
    extra: list[Any] = field(default_factory=list)  # in its key set
    padding: int = 0
    delay_seconds: float = 0
    drip_seconds: float = 0  # between bytes
    status: int = 200
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str) -> dict[str, Any]:
        if path == JWKS:
            return {"keys": [k.as_dict(private=False) for k in self.keys] + self.extra, "padding": "x" * self.padding}
        return {"issuer": self.url, "jwks_uri": self.url + JWKS, **self.said}

    @property
    def reads(self) -> int:
        """How often its keys were read."""
        return self.asked.count(JWKS)

    def trusted(self, name: str, **changes: Any) -> Issuer:
        """It, as a file of issuers names it."""
        return Issuer.model_validate(
            {
                "name": name,
                "url": self.url,
                "audience": AUDIENCE,
                "tenants": {"claim": "groups", "values": {"agents": ["balma"], "everybody": ["*"]}},
                "level": {
                    "claim": ["realm_access", "roles"],
                    "values": {"reader": "partner", "manager": "private"},
                },
                **changes,
            }
        )

    def token(self, key: SigningKey | None = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token it would issue; claims that are None are left out."""
        signer = key or self.keys[0]
        now = int(time.time())
        every = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "somebody",
            "iat": now,
            "exp": now + 300,
            "groups": ["agents", "unknown"],
            "realm_access": {"roles": ["reader", "other"]},
            **claims,
        }
        given = {"alg": "ES256" if isinstance(signer, ECKey) else "RS256", "kid": signer.kid, **(header or {})}
        said = {k: v for k, v in every.items() if v is not None}
        return jwt.encode(given, said, signer, algorithms=ALGORITHMS)


@contextmanager
def running(*keys: SigningKey) -> Iterator[ScriptedIssuer]:
    """An issuer with these keys, on a port of its own."""
    issuer = ScriptedIssuer(list(keys))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked.append(self.path)
            time.sleep(issuer.delay_seconds)
            status = issuer.status if self.path in (JWKS, DISCOVERY) else 404
            body = json.dumps(issuer.answer(self.path)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                for piece in [body] if not issuer.drip_seconds else map(bytes, zip(body, strict=True)):
                    self.wfile.write(piece)
                    time.sleep(issuer.drip_seconds)
            except ConnectionError:  # who asked has read enough
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join(30)
