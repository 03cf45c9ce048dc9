"""Bearer tokens: signed JWTs of the issuers that are trusted, verified without asking these for each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import orjson
from joserfc import jws
from joserfc.errors import ExpiredTokenError, InvalidClaimError, JoseError, MissingClaimError
from joserfc.jws import CompactSignature, JWSRegistry
from joserfc.jwt import JWTClaimsRegistry

from serving.access.caller import Caller
from serving.access.issuer_keys import IssuerKeys, PublicKey
from serving.access.issuers import MAX_SUBJECT, Issuer

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
MAX_CHARACTERS = 16 * 1024
REGISTRY = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)  # unknown headers are ignored, RFC 7515 4


class TokenError(ValueError):
    """A token that opens nothing; says why in words that go into a header."""


class Tokens:
    """The issuers that are trusted, with their keys."""

    def __init__(
        self,
        issuers: Iterable[Issuer] = (),
        keys: Callable[[str], IssuerKeys] = IssuerKeys,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._issuers = {i.url: (i, keys(i.url)) for i in issuers}
        self._now = now

    def caller(self, token: str) -> Caller:
        """Who brings a token.

        Raises:
            TokenError: it opens nothing.
            IssuerAwayError: the issuer's keys cannot be read now.
        """
        signed, claims = _read(token)
        issuer, keys = self._issuers.get(_text(claims, "iss"), (None, None))
        if issuer is None or keys is None:
            raise TokenError("the issuer of the token is not trusted here")
        key_id = signed.headers().get("kid")
        if not isinstance(key_id, str):
            raise TokenError("the token does not name the key it is signed with (kid)")
        key = keys.find(key_id)
        if key is None:
            raise TokenError("the token is signed with a key that its issuer does not have")
        _verify(signed, key)
        self._check(issuer, claims)
        return issuer.caller(claims)

    def _check(self, issuer: Issuer, claims: dict[str, Any]) -> None:
        wanted = JWTClaimsRegistry(
            now=int(self._now()),
            leeway=issuer.leeway_seconds,
            iss={"essential": True, "value": issuer.url},
            aud={"essential": True, "value": issuer.audience},
            sub={"essential": True},
            exp={"essential": True},
        )
        try:
            wanted.validate(claims)
        except ExpiredTokenError:
            raise TokenError("the token has expired") from None
        except MissingClaimError as e:
            raise TokenError(f"the token lacks {e.claim}") from None
        except InvalidClaimError as e:
            raise TokenError(_of_claim(e.claim)) from None
        if len(claims["sub"]) > MAX_SUBJECT:
            raise TokenError(f"the subject of the token has more than {MAX_SUBJECT} characters")


def _read(token: str) -> tuple[CompactSignature, dict[str, Any]]:
    """A token taken apart; nothing in it is believed yet."""
    if len(token) > MAX_CHARACTERS:
        raise TokenError(f"the token has more than {MAX_CHARACTERS} characters")
    try:
        signed = jws.extract_compact(token.encode("ascii"), registry=REGISTRY)
        if signed.headers().get("alg") not in ALGORITHMS:
            raise TokenError(f"the token must be signed with one of {', '.join(ALGORITHMS)}")
        claims = orjson.loads(signed.payload)
    except TokenError:
        raise
    except (JoseError, ValueError, TypeError, AttributeError):  # the last two where the header is no object
        claims = None
    if not isinstance(claims, dict):
        raise TokenError("this is not a signed token (JWT)")
    return signed, claims


def _verify(signed: CompactSignature, key: PublicKey) -> None:
    if key.alg not in (None, signed.headers()["alg"]):
        raise TokenError("the token is signed in another way than its key is for")
    try:
        is_good = jws.validate_compact(signed, key, registry=REGISTRY)
    except (JoseError, ValueError, TypeError):
        is_good = False
    if not is_good:
        raise TokenError("the signature of the token is not that of its issuer")


def _of_claim(name: str) -> str:
    return {
        "aud": "the token is meant for somebody else (aud)",
        "nbf": "the token is not valid yet (nbf)",
        "iat": "the token was issued in the future (iat)",
    }.get(name, f"the token has a {name} that cannot be one")


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""
