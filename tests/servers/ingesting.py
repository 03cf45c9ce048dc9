"""Connectors against real servers: run here or as a process that can be killed, and what came of it in Kafka.

As a program it ingests the feeds it is given until it is stopped: ``python -m tests.servers.ingesting FEED.yaml…``.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import yaml
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from prometheus_client import REGISTRY
from pydantic import SecretStr

from connectors.feed import Feed, load_feed
from connectors.runner import ingest
from runtime.avro import Decoder
from runtime.endpoints import Endpoints
from runtime.registry import Registry
from runtime.settings import PROJECT, Settings
from schemas import contract
from tests.connectors.scripted import LOCAL

LIMIT_SECONDS = 60
WEATHER = {"event": "weather_observed", "observed_at": "at", "entity_id": "id", "fields": {"temperature_celsius": "t"}}


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until something is so; fails when it does not become so."""
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            while not condition():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {LIMIT_SECONDS} s: {what}") from None


@dataclass
class City:
    """A tenant of its own in the servers, with a state folder of its own."""

    endpoints: Endpoints
    state: Path
    tenant: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:12]}")

    @property
    def settings(self) -> Settings:
        return Settings(GARONNE_STATE=self.state)

    def feed(self, name: str, transport: dict[str, Any], **format_: Any) -> Feed:
        """A feed of weather as JSON, written to its file."""
        described = {
            "tenant": self.tenant,
            "event": "weather_observed",
            "title": name,
            "transport": {**(LOCAL if "url" in transport else {}), **transport},
            "format": {"kind": "json_records", **WEATHER, **format_},
        }
        path = self.path(f"{self.tenant}-{name}")
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(described))
        return load_feed(path)

    def path(self, feed: str) -> Path:
        return self.state / "feeds" / f"{feed}.yaml"

    @asynccontextmanager
    async def ingesting(self, *feeds: Feed) -> AsyncIterator[None]:
        """The feeds' connectors, running; stopped in good order at the end."""
        stop = asyncio.Event()
        running = asyncio.create_task(ingest(feeds, self.endpoints, self.settings, stop))
        try:
            yield
        finally:
            stop.set()
            await running

    def process(self, feed: Feed, *program: str, inside: Sequence[str] = ()) -> subprocess.Popen[bytes]:
        """The feed's connector as a process of its own, or another program that runs it; says what it does in a log.

        ``inside`` is a command that runs another one somewhere else.
        """
        known = {**self.endpoints.model_dump(exclude_none=True), "garonne_state": self.state}
        given = {name.upper(): _plain(value) for name, value in known.items()}
        command = [*inside, sys.executable, "-m", *(program or ("tests.servers.ingesting",)), str(self.path(feed.id))]
        with (self.state / "connector.log").open("ab") as log:
            return subprocess.Popen(command, cwd=PROJECT, env={**os.environ, **given}, stderr=log)

    def events(self, name: str = "weather_observed") -> list[dict[str, Any]]:
        """All that is in a contract's topic of this tenant."""
        described = contract(name)
        decode = Decoder(described, Registry(self.endpoints.schema_registry_url, self.state / "schemas"))
        prefix = f"{self.tenant}/".encode()
        return [
            decode(m.value() or b"")
            for m in messages(self.endpoints.kafka_bootstrap, described.topic)
            if (m.key() or b"").startswith(prefix)
        ]

    def entities(self) -> list[str]:
        """The entity of each observation in Kafka, in order."""
        return sorted(e["entity_id"] for e in self.events())

    async def until_settled(self, wanted: set[str]) -> None:
        """Wait until these entities are in Kafka; looks from a thread, since connectors run on this one."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while not wanted <= set(await asyncio.to_thread(self.entities)):
                await asyncio.sleep(0.5)


def count(feed: Feed, outcome: str) -> float:
    """Records of a feed by outcome, as its metrics say."""
    labels = {"feed": feed.id, "tenant": feed.tenant, "outcome": outcome}
    return REGISTRY.get_sample_value("garonne_feed_records_total", labels) or 0.0


def message(entity: str, minute: int, temperature: Any = 20.5) -> bytes:
    """One observation as JSON."""
    at = f"2026-07-14T{minute // 60:02}:{minute % 60:02}:00Z"
    return json.dumps({"id": entity, "at": at, "t": temperature}).encode()


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def messages(bootstrap: str, topic: str) -> Iterator[Message]:
    """All that a topic holds now."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": uuid.uuid4().hex, "enable.auto.commit": False})
    try:
        found = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        for p, (first, end) in {p: _offsets(consumer, TopicPartition(topic, p)) for p in found}.items():
            yield from _partition(consumer, topic, p, first, end)
    finally:
        consumer.close()


def _offsets(consumer: Consumer, place: TopicPartition) -> tuple[int, int]:
    """The first offset and the next; a broker that was just started does not know yet that it leads the partition."""
    until = time.monotonic() + 60
    while True:
        try:
            return cast(tuple[int, int], consumer.get_watermark_offsets(place, timeout=30))
        except KafkaException as e:
            if not e.args[0].retriable() and e.args[0].code() != KafkaError.NOT_LEADER_FOR_PARTITION:
                raise
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def _partition(consumer: Consumer, topic: str, partition: int, first: int, end: int) -> Iterator[Message]:
    consumer.assign([TopicPartition(topic, partition, first)])
    while first < end:
        for m in consumer.consume(min(10_000, end - first), timeout=1):  # waits for so many, or a second
            offset = m.offset() or 0
            if m.error() is None and offset < end:
                yield m
            first = offset + 1


async def forever(paths: Sequence[str]) -> None:
    from runtime.endpoints import endpoints

    settings = Settings()
    await ingest([load_feed(Path(p)) for p in paths], endpoints(settings), settings, asyncio.Event())


if __name__ == "__main__":
    asyncio.run(forever(sys.argv[1:]))
