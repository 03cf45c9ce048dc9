"""Feeds that get records whether their connector lives or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

from connectors.feed import Feed
from simulator.serving.publisher import Publisher
from tests.connectors.scripted import Request, ScriptedServer, answer
from tests.faults.background import in_background
from tests.servers.ingesting import City, message
from tests.servers.radio import by_radio, publish, subscribed

LINES = 50  # of a file at once


@dataclass
class Source:
    """A feed, and how it gets an observation of each of these entities."""

    feed: Feed
    give: Callable[[Sequence[str]], None]


def folder(city: City) -> Source:
    """A folder of files with a line for each entity."""
    drop = city.state / "drop"
    drop.mkdir()
    transport = {"kind": "files", "folder": "drop", "period_seconds": 0.05, "max_lines_per_payload": LINES}

    def give(names: Sequence[str]) -> None:
        written = drop / f"{names[0]}.part"
        written.write_bytes(b"\n".join(message(name, 1) for name in names))
        written.rename(written.with_suffix(".jsonl"))

    return Source(city.feed("files", transport, layout="lines"), give)


@dataclass
class Portal:
    """Answers with all it has, or that nothing has changed."""

    names: list[str] = field(default_factory=list)

    def __call__(self, request: Request) -> bytes:
        tag = f'"{len(self.names)}"'
        if request.headers.get("if-none-match") == tag:
            return answer("304 Not Modified", ETag=tag)
        return answer(body=b"[%s]" % b",".join(message(name, 1) for name in self.names), ETag=tag)


@contextmanager
def portal(city: City) -> Iterator[Source]:
    """An HTTP server that shows all it ever had."""
    has = Portal()
    with in_background(ScriptedServer([has]).running()) as server:
        transport = {"kind": "http", "url": server.url, "period_seconds": 0.05, "retry_seconds": 0.1}
        yield Source(city.feed("http", transport), has.names.extend)


def radio(city: City) -> Source:
    """A topic at the MQTT broker, which keeps what comes while no one listens."""
    feed = by_radio(city)
    asyncio.run(subscribed(city, feed))
    return Source(feed, lambda names: asyncio.run(publish(city, [message(name, 1) for name in names])))


@asynccontextmanager
async def station(city: City) -> AsyncIterator[Publisher]:
    """A publisher that sends again what the broker has not acknowledged."""
    given = city.endpoints
    password = given.mqtt_password.get_secret_value() if given.mqtt_password else None
    publisher = Publisher(given.mqtt_url or "", given.mqtt_user, password, f"station-{uuid4().hex}")
    running = asyncio.create_task(publisher.run())
    try:
        yield publisher
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
