"""Feeds into real Kafka, from a real MQTT broker, a folder, and an HTTP server that follows a script."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from connectors.acceptance import Acceptance
from connectors.cursor import Cursor, cursor_path
from connectors.delivery import Broker, Context
from connectors.feed import Feed
from connectors.intake import FeedIntake
from connectors.meter import Meter
from connectors.preview import _preview
from connectors.sources import broker_of, format_of
from connectors.transports import mqtt
from runtime.endpoints import Endpoints
from runtime.settings import PROJECT
from schemas import contract
from tests.connectors.scripted import HeldProducer, ScriptedServer, answer
from tests.servers.ingesting import City, count, message, until
from tests.servers.radio import by_radio, is_subscribed, publish, subscribed

pytestmark = pytest.mark.servers


@pytest.fixture
def city(servers: Endpoints, tmp_path: Path) -> City:
    return City(servers, tmp_path)


def test_messages_become_events_and_what_is_broken_dead_letters(city: City) -> None:
    async def main() -> None:
        feed = by_radio(city)
        async with city.ingesting(feed):
            await until(lambda: is_subscribed(city, feed), "the feed is subscribed")
            good = [message(f"s{n}", n) for n in range(100)]
            await publish(city, [*good[:50], b"{broken", message("hot", 1, 99.5), *good[50:], good[7]])
            await until(lambda: count(feed, "accepted") == 100 and count(feed, "duplicate") == 1, "all is accepted")
        assert count(feed, "rejected") == 2

    asyncio.run(main())
    assert city.entities() == sorted(f"s{n}" for n in range(100))
    letters = {e["reason"]: e for e in city.events("dead_letter")}
    assert letters.keys() == {"malformed", "out_of_range"}
    assert letters["malformed"]["payload"] == b"{broken"
    assert letters["malformed"]["place"] == f"{city.tenant}/weather"
    event = next(e for e in city.events() if e["entity_id"] == "s7")
    assert (event["temperature_celsius"], event["observed_at"].isoformat()) == (20.5, "2026-07-14T00:07:00+00:00")


def test_messages_that_come_while_no_one_listens_are_kept(city: City) -> None:
    names = {f"s{n}" for n in range(300)}

    async def main() -> None:
        feed = by_radio(city)
        await subscribed(city, feed)
        await publish(city, [message(n, 1) for n in names])
        async with city.ingesting(feed):
            await until(lambda: count(feed, "accepted") == 300, "all is accepted")
        async with city.ingesting(feed):
            await publish(city, [message("last", 1)])
            await city.until_settled({"last"})
        # The broker may not have noted the last acknowledgements before the connection's end.
        assert count(feed, "accepted") < 600

    asyncio.run(main())
    assert set(city.entities()) == {"last", *names}


class Listening:
    """The MQTT transport into an intake whose producer acknowledges when the test says so."""

    def __init__(self, city: City, feed: Feed) -> None:
        self.producer = HeldProducer()
        self._feed = feed
        broker = broker_of(city.endpoints)
        assert isinstance(broker, Broker)
        self._context = Context(feed.tenant, feed.id, city.state, Cursor(), lambda *_: None, broker)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        feed, outlets = self._feed, self.producer.outlets(lambda _: b"")
        accept = Acceptance(feed, contract(feed.event))
        self.intake = intake = FeedIntake(feed, format_of(feed.format), accept, outlets, Cursor(), Meter(feed))
        intake.drain = self._no_drain  # type: ignore[method-assign]
        task = asyncio.create_task(mqtt.run(feed.transport, self._context, intake))  # type: ignore[arg-type]
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _no_drain(self) -> None:
        """As when the process dies."""

    @property
    def received(self) -> set[str]:
        return {key.rpartition("/")[2] for key in self.producer.keys("events")}


def test_a_message_is_acknowledged_to_the_broker_when_kafka_has_it_and_not_before(city: City) -> None:
    names = {f"s{n}" for n in range(20)}

    async def all_that_comes(acknowledge: Iterable[int] = (), noted: int = 0, receive_maximum: int = 100) -> set[str]:
        """What comes up to a message that is published now; then the connection ends as when the process dies."""
        listening = Listening(city, by_radio(city, receive_maximum=receive_maximum))
        end, more = f"end-{uuid4()}", {f"more-{uuid4()}" for _ in range(noted)}
        async with listening.running():
            await publish(city, [message(end, 1)])
            await until(lambda: end in listening.received, "the last message has come")
            for number in acknowledge:
                listening.producer.acknowledge(number)
            await listening.intake.unsettled.save()
            await publish(city, [message(n, 1) for n in more])
            await until(lambda: more <= listening.received, "the broker has noted what was acknowledged")
        return listening.received & names

    async def main() -> None:
        await subscribed(city, by_radio(city))
        await publish(city, [message(n, 1) for n in sorted(names)])
        assert await all_that_comes() == names
        # With as many on their way as may be (two ends too), more come only in place of what the broker has noted.
        full = len(names) + 2
        assert await all_that_comes(acknowledge=(0, 1, 2, 3, 4, 10), noted=5, receive_maximum=full) == names
        # The one out of order had to wait for those before it, and they were never acknowledged.
        assert await all_that_comes() == names - set(sorted(names)[:5])

    asyncio.run(main())


def test_the_broker_sends_no_more_than_may_be_on_its_way(city: City) -> None:
    async def main() -> None:
        feed = by_radio(city, receive_maximum=10)
        await subscribed(city, feed)
        await publish(city, [message(f"s{n:03}", n) for n in range(100)])
        listening = Listening(city, feed)
        async with listening.running():
            await until(lambda: len(listening.received) == 10, "the first have come")
            await asyncio.sleep(0.3)
            assert len(listening.received) == 10
            listening.producer.acknowledge()
            await listening.intake.unsettled.save()
            await until(lambda: len(listening.received) == 20, "as many again have come")

    asyncio.run(main())


@pytest.mark.slow
def test_nothing_is_lost_when_the_connector_is_killed_again_and_again(city: City) -> None:
    rng = random.Random(7)
    feed = by_radio(city)
    total = 3_000

    async def main() -> None:
        await subscribed(city, feed)
        publishing = asyncio.create_task(publish(city, (message(f"s{n}", n % 1000) for n in range(total))))
        for _ in range(3):
            cursor_path(city.state, feed.id).unlink()
            process = city.process(feed)
            await until(lambda: is_subscribed(city, feed), "the process listens")
            await asyncio.sleep(0.2 + rng.random())
            process.kill()
            process.wait()
        await publishing
        async with city.ingesting(feed):
            await publish(city, [message("end", 1)])
            await city.until_settled({"end"})

    asyncio.run(main())
    assert count(feed, "accepted") < total  # the processes that were killed did their part
    assert set(city.entities()) == {"end", *(f"s{n}" for n in range(total))}


def test_a_poll_that_shows_the_same_again_is_produced_once_also_after_a_restart(city: City) -> None:
    async def main() -> None:
        server = ScriptedServer(
            [answer(body=b"[%s,%s]" % (message("s1", 1), message("s2", 1))), answer(body=b"[%s]" % message("s1", 1))]
        )
        async with server.running():
            transport = {"kind": "http", "url": server.url, "period_seconds": 0.05}
            feed = city.feed("polled", transport)
            async with city.ingesting(feed):
                await until(lambda: count(feed, "duplicate") >= 3, "repeats have come")
            async with city.ingesting(feed):
                before = count(feed, "duplicate")
                await until(lambda: count(feed, "duplicate") >= before + 3, "repeats have come again")
            assert count(feed, "accepted") == 2

    asyncio.run(main())
    assert city.entities() == ["s1", "s2"]


def test_a_file_is_read_once_and_a_broken_line_costs_only_itself(city: City) -> None:
    async def main() -> None:
        folder = city.state / "drop"
        folder.mkdir()
        lines = [message(f"s{n}", n % 1000) for n in range(2_500)]
        (folder / "a.jsonl").write_bytes(b"\n".join([*lines[:1_000], b"{broken", *lines[1_000:]]))
        transport = {"kind": "files", "folder": "drop", "period_seconds": 0.05, "max_lines_per_payload": 500}
        feed = city.feed("files", transport, layout="lines")
        async with city.ingesting(feed):
            await until(lambda: count(feed, "accepted") == 2_500, "all is accepted")
        async with city.ingesting(feed):
            (folder / "b.jsonl").write_bytes(message("last", 1))
            await until(lambda: count(feed, "accepted") == 2_501, "the next file is accepted")

    asyncio.run(main())
    assert city.entities() == sorted(["last", *(f"s{n}" for n in range(2_500))])
    assert [e["payload"] for e in city.events("dead_letter")] == [b"{broken\n"]


def test_connectors_start_while_elasticsearch_is_away(city: City) -> None:
    (city.state / "drop").mkdir()
    (city.state / "drop" / "a.jsonl").write_bytes(message("s1", 1))
    feed = city.feed("files", {"kind": "files", "folder": "drop", "period_seconds": 0.05}, layout="lines")
    given = {
        "GARONNE_STATE": str(city.state),
        "KAFKA_BOOTSTRAP": city.endpoints.kafka_bootstrap,
        "SCHEMA_REGISTRY_URL": city.endpoints.schema_registry_url,
        "ELASTICSEARCH_URL": "http://127.0.0.1:1",
    }
    command = [sys.executable, "-m", "garonne", "ingest", str(city.path(feed.id).parent)]
    process = subprocess.Popen(command, cwd=PROJECT, env={**os.environ, **given})
    try:
        asyncio.run(city.until_settled({"s1"}))
    finally:
        process.terminate()
    assert process.wait(60) == 0


def test_a_feed_that_fails_stops_no_other_and_comes_back(city: City) -> None:
    async def main() -> None:
        (city.state / "drop").mkdir()
        (city.state / "drop" / "a.json").write_bytes(message("s1", 1))
        good = city.feed("good", {"kind": "files", "folder": "drop", "period_seconds": 0.05})
        server = ScriptedServer([answer("500 Oops"), None, answer(body=message("s2", 1))])
        async with server.running():
            down = city.feed("down", {"kind": "http", "url": "http://127.0.0.1:9/", "retry_seconds": 0.05})
            flaky = city.feed("flaky", {"kind": "http", "url": server.url, "retry_seconds": 0.05})
            wrong = good.model_copy(update={"id": f"{city.tenant}-wrong", "defaults": {"elevation_m": "high"}})
            async with city.ingesting(down, wrong, flaky, good):
                await until(lambda: count(good, "accepted") + count(flaky, "accepted") == 2, "both have come")

    asyncio.run(main())
    assert city.entities() == ["s1", "s2"]


def test_a_preview_shows_messages_and_takes_none_from_the_feed(city: City) -> None:
    async def main() -> None:
        feed = by_radio(city)
        await subscribed(city, feed)
        (city.state / "endpoints.json").write_text(_json(city.endpoints))

        async def publish_on() -> None:
            for n in range(100):
                await publish(city, [message(f"s{n}", n, 99.5 if n == 1 else 20)])
                await asyncio.sleep(0.05)

        publishing = asyncio.create_task(publish_on())
        seen = await _preview(feed, city.settings, count=3, seconds=30)
        await publishing
        assert len(seen.events) == 3
        assert seen.bytes_read > 0
        async with city.ingesting(feed):
            await until(lambda: count(feed, "accepted") == 99, "the feed has them all")

    asyncio.run(main())


def _json(endpoints: Endpoints) -> str:
    secrets = {
        name: value.get_secret_value()
        for name in ("elasticsearch_password", "mqtt_password", "elasticsearch_api_key")
        if (value := getattr(endpoints, name)) is not None
    }
    return json.dumps({**endpoints.model_dump(mode="json"), **secrets})
