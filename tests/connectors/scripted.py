"""Scripted counterparts for tests of connectors: a server that answers by a script, an intake, a producer, a format."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from confluent_kafka import KafkaError, Message

from connectors.channel import Channel
from connectors.delivery import Context, Delivery
from connectors.intake import Outlets
from connectors.producer import Done, Headers, Producer
from connectors.transports import http

LIMIT_SECONDS = 10
LOCAL = {"internal_hosts": ["127.0.0.1", "localhost"]}


@dataclass(frozen=True)
class Request:
    """What a client asked."""

    target: str
    headers: dict[str, str]  # names in lower case
    at: float = field(default_factory=time.monotonic)  # seconds


Answer = bytes | Callable[[Request], bytes]


def answer(status: str = "200 OK", body: bytes = b"", **headers: str) -> bytes:
    """An HTTP answer; `headers` as keywords, with _ for -."""
    named = {"Content-Length": str(len(body)), **{k.replace("_", "-"): v for k, v in headers.items()}}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status}\r\n{head}Connection: close\r\n\r\n".encode() + body


@dataclass
class ScriptedServer:
    """Gives its answers one after another, the last one for ever; None closes without an answer, a float waits."""

    answers: Sequence[Answer | float | None]
    requests: list[Request] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/data"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ScriptedServer]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines[1:] if line)
            request = Request(lines[0].split()[1], {name.lower(): value for name, value in headers.items()})
            scripted = self.answers[min(len(self.requests), len(self.answers) - 1)]
            self.requests.append(request)
            if isinstance(scripted, float):
                await asyncio.sleep(scripted)
            elif scripted is not None:
                writer.write(scripted(request) if callable(scripted) else scripted)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


class KeptIntake:
    """Acknowledges at once, and says when there are enough deliveries."""

    def __init__(self, context: Context, enough: int) -> None:
        self.deliveries: list[Delivery] = []
        self.enough = asyncio.Event()
        self._context, self._enough = context, enough
        if enough == 0:
            self.enough.set()

    async def deliver(self, delivery: Delivery) -> bool:
        self.deliveries.append(delivery)
        if delivery.key is not None and delivery.position is not None:
            self._context.cursor.advance(delivery.key, delivery.position)
        if delivery.acknowledge is not None:
            delivery.acknowledge()
        if len(self.deliveries) >= self._enough:
            self.enough.set()
        return True

    async def drain(self) -> None:
        return

    @property
    def bodies(self) -> list[bytes]:
        return [d.payload.body for d in self.deliveries]


@dataclass
class Errors:
    """What a transport reported."""

    kinds: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def report(self, kind: str, error: Exception) -> None:
        self.kinds.append(kind)
        self.texts.append(str(error))


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so; fails when it does not become so."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while not condition():
            await asyncio.sleep(0.005)


@dataclass
class Polled:
    """What came of polling a scripted server."""

    server: ScriptedServer
    bodies: list[bytes]
    deliveries: list[Delivery]


async def polled(
    context: Context, server: ScriptedServer, deliveries: int = 0, requests: int = 0, **options: Any
) -> Polled:
    """What a poller delivers, run until there were enough deliveries and requests."""
    async with server.running():
        given = {"kind": "http", "url": server.url, **LOCAL, "period_seconds": 60, "retry_seconds": 0.001, **options}
        intake = KeptIntake(context, deliveries)
        task = asyncio.create_task(http.run(http.Options.model_validate(given), context, intake))
        try:
            await until(lambda: task.done() or (intake.enough.is_set() and len(server.requests) >= requests))
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return Polled(server, intake.bodies, intake.deliveries)


@dataclass(frozen=True)
class Place:
    """Where Kafka has put a record."""

    at: int

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.at


@dataclass
class HeldProducer:
    """Takes records, and acknowledges them when the test says so; a record's offset is its number."""

    sent: list[tuple[str, bytes, bytes]] = field(default_factory=list)
    headers: list[Headers | None] = field(default_factory=list)
    waiting: list[Done] = field(default_factory=list)

    async def send(self, topic: str, key: bytes, value: bytes, done: Done, headers: Headers | None = None) -> None:
        self.sent.append((topic, key, value))
        self.headers.append(headers)
        self.waiting.append(done)

    def acknowledge(self, *numbers: int, error: KafkaError | None = None) -> None:
        """Kafka says that it has these records, or all that wait."""
        for number in numbers or range(len(self.waiting)):
            done, self.waiting[number] = self.waiting[number], lambda *_: None
            done(error, cast(Message, Place(number)))

    def keys(self, topic: str) -> list[str]:
        return [key.decode() for t, key, _ in self.sent if t == topic]

    def outlets(self, encode: Callable[[Any], bytes]) -> Outlets:
        """The way to the topics ``events`` and ``letters``."""
        return Outlets(cast(Producer, self), Channel("events", encode), Channel("letters", encode))
