"""A network that can be made bad: TCP connections passed on to an address, slowly, not at all, or cut."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from runtime.local.ports import LOOPBACK

CHUNK_BYTES = 16_384
LOOK_SECONDS = 0.01
NO_LINGER = struct.pack("ii", 1, 0)  # closing sends a reset


@dataclass
class Proxy:
    """Passes connections on; what is set here, from any thread, holds for those that are open as well."""

    host: str
    port: int
    latency_seconds: float = 0.0  # for each chunk, in either direction
    bytes_per_second: float | None = None  # of answers
    is_silent: bool = False  # keeps connections open and passes nothing on: a partition without a word
    refuses: bool = False  # new connections are reset
    cut_after_bytes: int | None = None  # of answers on one connection, then it is reset
    connections: int = 0  # so far
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _loop: asyncio.AbstractEventLoop | None = None
    _address: str = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Proxy]:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._pass_on, LOOPBACK, 0)
        self._address = f"{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            self._reset()

    @property
    def address(self) -> str:
        """Host and port that clients use."""
        return self._address

    def url(self, behind: str) -> str:
        """An address with this proxy before it."""
        return urlunsplit(urlsplit(behind)._replace(netloc=self._address))

    def reset(self) -> None:
        """Reset every connection that is open."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._reset)

    def _reset(self) -> None:
        for writer in list(self._open):
            _abort(writer)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            if self.refuses:
                return _abort(writer)
            there, back = await asyncio.open_connection(self.host, self.port)
            self._open.add(back)
            try:
                await asyncio.gather(self._pump(reader, back), self._pump(there, writer, is_answer=True))
            finally:
                self._open.discard(back)
                back.close()
        except OSError:
            _abort(writer)
        finally:
            self._open.discard(writer)
            writer.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, is_answer: bool = False) -> None:
        passed = 0
        while data := await source.read(CHUNK_BYTES):
            await self._delay(len(data) if is_answer else 0)
            if is_answer and self.cut_after_bytes is not None and passed + len(data) > self.cut_after_bytes:
                sink.write(data[: max(0, self.cut_after_bytes - passed)])
                await sink.drain()
                _abort(sink)
                raise ConnectionResetError
            sink.write(data)
            await sink.drain()
            passed += len(data)
        with contextlib.suppress(OSError):
            sink.write_eof()

    async def _delay(self, answered: int) -> None:
        await asyncio.sleep(self.latency_seconds + (answered / self.bytes_per_second if self.bytes_per_second else 0))
        while self.is_silent:
            await asyncio.sleep(LOOK_SECONDS)


def before(url: str) -> Proxy:
    """A proxy to the server of an address; not running yet."""
    parts = urlsplit(url if "//" in url else f"//{url}")
    assert parts.hostname
    assert parts.port
    return Proxy(parts.hostname, parts.port)


def _abort(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    writer.transport.abort()
