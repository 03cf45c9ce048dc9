"""A front before Elasticsearch: passes on what it is asked, and does with bulk requests what a test tells it to."""

from __future__ import annotations

import http.client
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from runtime.local.ports import LOOPBACK

LIMIT_SECONDS = 120
NO_LINGER = struct.pack("ii", 1, 0)  # closing sends a reset
HOP_HEADERS = {"connection", "transfer-encoding", "content-length", "host", "keep-alive"}


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    front: Front

    def _any(self) -> None:
        exchange = Exchange(self, self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        is_bulk = urlsplit(self.path).path.endswith("/_bulk")
        with suppress(OSError):
            (self.front.rule if is_bulk else pass_on)(exchange)

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _any  # noqa: N815

    def log_message(self, *_: object) -> None:  # type: ignore[override]
        """Say nothing."""


@dataclass
class Exchange:
    """A request that came, and what can be done with it."""

    handler: _Handler
    body: bytes

    def forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """What Elasticsearch answers to the request with this body."""
        behind = http.client.HTTPConnection(self.handler.front.host, self.handler.front.port, timeout=LIMIT_SECONDS)
        try:
            headers = {k: v for k, v in self.handler.headers.items() if k.lower() not in HOP_HEADERS}
            behind.request(self.handler.command, self.handler.path, body or None, headers)
            got = behind.getresponse()
            return got.status, got.getheaders(), got.read()
        finally:
            behind.close()

    def answer(self, status: int, headers: list[tuple[str, str]], body: bytes, cut_at: int | None = None) -> None:
        """Answer; or reset the connection after so many bytes of the body."""
        self.handler.send_response(status)
        for name, value in headers:
            if name.lower() not in HOP_HEADERS:
                self.handler.send_header(name, value)
        self.handler.send_header("Content-Length", str(len(body)))
        self.handler.end_headers()
        if self.handler.command != "HEAD":
            self.handler.wfile.write(body[:cut_at])
            self.handler.wfile.flush()
        if cut_at is not None:
            self.reset()

    def reset(self) -> None:
        """Reset the connection without another word."""
        self.handler.close_connection = True
        self.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self.handler.connection.close()


Rule = Callable[[Exchange], None]


def pass_on(exchange: Exchange) -> None:
    """As if there were no front."""
    exchange.answer(*exchange.forward(exchange.body))


def refuse(status: int) -> Rule:
    """Elasticsearch says it has too much to do, or is not there."""
    error = {"error": {"type": "scripted", "reason": "scripted"}, "status": status}

    def rule(exchange: Exchange) -> None:
        exchange.answer(status, [("Content-Type", "application/json")], json.dumps(error).encode())

    return rule


def cut(exchange: Exchange) -> None:
    """All is written, and the connection breaks within the answer."""
    status, headers, body = exchange.forward(exchange.body)
    exchange.answer(status, headers, body, cut_at=len(body) // 2)


def halve(exchange: Exchange) -> None:
    """Half of the documents are written, and the connection breaks without an answer."""
    exchange.forward(half(exchange.body))
    exchange.reset()


def half(body: bytes) -> bytes:
    """The first half of the documents of a bulk request."""
    lines = body.splitlines(keepends=True)
    return b"".join(lines[: len(lines) // 4 * 2])


@dataclass
class Hold:
    """A rule that holds what a condition holds for: does something with it, says so, and answers when it may."""

    concerns: Callable[[bytes], bool]
    first: Callable[[Exchange], object] = lambda _: None
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    client_port: int = 0  # of the connection that is held

    def __call__(self, exchange: Exchange) -> None:
        if self.released.is_set() or not self.concerns(exchange.body):
            return pass_on(exchange)
        self.first(exchange)
        self.client_port = exchange.handler.client_address[1]
        self.reached.set()
        self.released.wait(LIMIT_SECONDS)
        return pass_on(exchange)


@dataclass
class Front:
    """The front; ``rule`` can be set from any thread and holds from the next bulk request on."""

    host: str
    port: int
    rule: Rule = pass_on
    url: str = ""


@contextmanager
def front(behind: str) -> Iterator[Front]:
    """A front before the Elasticsearch of an address."""
    parts = urlsplit(behind)
    assert parts.hostname
    assert parts.port
    made = Front(parts.hostname, parts.port)
    server = ThreadingHTTPServer((LOOPBACK, 0), type("Handler", (_Handler,), {"front": made}))
    made.url = f"http://{LOOPBACK}:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join(LIMIT_SECONDS)
