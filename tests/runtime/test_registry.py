"""What a registry answers that is broken: as if it did not answer, and soon."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from runtime import registry
from runtime.registry import Registry, RegistryAwayError

Write = Callable[[bytes], object]


@contextmanager
def answering(write: Callable[[Write], None], encoding: str = "identity") -> Iterator[str]:
    """Address of a server that writes so its answers to all questions."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Encoding", encoding)
            self.end_headers()
            try:
                write(self.wfile.write)
            except ConnectionError:
                return

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def endless(write: Write) -> None:
    while True:
        write(b" " * 1_000_000)


def trickling(write: Write) -> None:
    while True:
        write(b" ")
        time.sleep(0.02)


def packed(write: Write) -> None:
    write(gzip.compress(b" " * 100_000_000))


@pytest.mark.parametrize(
    ("write", "encoding", "says"),
    [
        (endless, "identity", "more than 4194304 bytes"),
        (trickling, "identity", "does not end within 0.2 s"),
        (packed, "gzip", "packed"),
    ],
    ids=["endless", "trickling", "packed"],
)
def test_an_answer_without_end_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Write], None], encoding: str, says: str
) -> None:
    monkeypatch.setattr(registry, "TOTAL_SECONDS", 0.2)
    began = time.monotonic()
    with answering(write, encoding) as url, pytest.raises(RegistryAwayError, match=says):
        Registry(url, tmp_path).schema(7)
    assert time.monotonic() - began < 10
