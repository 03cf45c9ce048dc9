"""An HTTP client whose answers are neither large nor endless."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx2


class _Bounded(httpx2.SyncByteStream):
    def __init__(self, stream: httpx2.SyncByteStream, max_bytes: int, total_seconds: float) -> None:
        self._stream, self._max_bytes, self._total_seconds = stream, max_bytes, total_seconds

    def __iter__(self) -> Iterator[bytes]:
        until, size = time.monotonic() + self._total_seconds, 0
        for chunk in self._stream:
            size += len(chunk)
            if size > self._max_bytes:
                raise httpx2.ReadError(f"the answer holds more than {self._max_bytes} bytes")
            if time.monotonic() > until:
                raise httpx2.ReadTimeout(f"the answer does not end within {self._total_seconds:g} s")
            yield chunk

    def close(self) -> None:
        self._stream.close()


def bound(client: httpx2.Client, max_bytes: int, total_seconds: float) -> None:
    """Let a client give up an answer that is too large or takes too long as if the connection had failed.

    Packed answers are neither asked for nor taken: a small one may hold a large one.
    """

    def answered(response: httpx2.Response) -> None:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise httpx2.ReadError("the answer is packed, which was not asked for")
        if not isinstance(response.stream, httpx2.SyncByteStream):
            raise TypeError("only the answers of a client that waits for them can be bounded")
        response.stream = _Bounded(response.stream, max_bytes, total_seconds)

    client.headers["accept-encoding"] = "identity"
    client.event_hooks = {"request": [], "response": [answered]}
