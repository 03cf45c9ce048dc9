"""Row 1, SET and SUM: a connector killed again and again sends each record once, and the ledger has what was sent."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.feed import Feed
from runtime.endpoints import Endpoints
from tests.faults.dying import OF_MQTT, POINTS
from tests.servers.ingesting import LIMIT_SECONDS, City, message
from tests.servers.radio import by_radio, publish, subscribed

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.faults]

Count = tuple[str, str, str]  # hour, outcome, reason
PART_RECORDS = 600
PASSES = {"polled": 5, "advanced": 5, "saving": 3, "replacing": 5, "saved": 3, "told": 300}  # at most
NO_TIME = "none"  # hour of records that have no time of their own


@pytest.fixture
def city(servers: Endpoints, tmp_path: Path) -> City:
    return City(servers, tmp_path)


@dataclass
class Sent:
    """Records with repeats and broken ones among them, and what a source counts of them."""

    bodies: list[bytes] = field(default_factory=list)
    counts: Counter[Count] = field(default_factory=Counter)
    keys: list[tuple[str, str]] = field(default_factory=list)

    @staticmethod
    def some(rng: random.Random, count: int) -> Sent:
        sent, good = Sent(), list[tuple[bytes, str]]()
        for number in range(count):
            what = rng.random()
            if what < 0.05 and good:
                body, hour = rng.choice(good[-300:])
                sent._add(body, hour, "duplicate")
            elif what < 0.07:
                sent._add(b'{"id": %d, broken' % rng.randrange(count // 100), NO_TIME, "rejected", "malformed")
            else:
                minute = rng.randrange(6 * 60)
                hour, is_good = f"2026-07-14T{minute // 60:02}", what < 0.98
                body = message(f"s{number}", minute, 20.5 if is_good else 99.5)
                sent._add(body, hour, *(("accepted", "") if is_good else ("rejected", "out_of_range")))
                if is_good:
                    good.append((body, hour))
                    sent.keys.append((f"s{number}", f"{hour}:{minute % 60:02}"))
        return sent

    def part(self, number: int) -> list[bytes]:
        """What is sent before the kill of that number."""
        return self.bodies[number * PART_RECORDS : (number + 1) * PART_RECORDS]

    def _add(self, body: bytes, hour: str, outcome: str, reason: str = "") -> None:
        self.bodies.append(body)
        self.counts[hour, outcome, reason] += 1
        self.counts[hour, "received", ""] += 1


def in_ledger(city: City, feed: Feed) -> Counter[Count]:
    """The newest counts of a feed; those of this year's hours of reception under one name."""
    newest = {}
    for row in sorted(city.events("ledger"), key=lambda row: row["counted_at"]):
        assert (row["counter"], row["counted_by"], row["event"]) == (feed.id, "source", feed.event)
        newest[row["hour"], row["outcome"], row["reason"]] = row["records_count"]
    counts: Counter[Count] = Counter()
    for (hour, outcome, reason), count in newest.items():
        name = f"{hour:%Y-%m-%dT%H}" if hour < datetime(2026, 7, 15, tzinfo=UTC) else NO_TIME
        counts[name, outcome, reason] += count
    return +counts


def in_kafka(city: City) -> list[tuple[str, str]]:
    return sorted((e["entity_id"], f"{e['observed_at']:%Y-%m-%dT%H:%M}") for e in city.events())


def killed(city: City, feed: Feed, point: str, rng: random.Random) -> None:
    """Run the feed's connector, and see it die at a point."""
    passes = rng.randint(1, PASSES.get(point, 400))
    process = city.process(feed, "tests.faults.dying", point, str(passes))
    try:
        assert process.wait(LIMIT_SECONDS) == -signal.SIGKILL, (point, passes)
    finally:
        process.kill()
        process.wait()


async def until_counted(city: City, feed: Feed, sent: Sent) -> None:
    """Run the connector to the end of what there is; stop it in good order."""
    async with city.ingesting(feed):
        total = len(sent.bodies)

        async def received() -> int:
            counts = await asyncio.to_thread(in_ledger, city, feed)
            return sum(c for (_, outcome, _), c in counts.items() if outcome == "received")

        async with asyncio.timeout(LIMIT_SECONDS):
            while await received() < total:
                await asyncio.sleep(0.5)


def assert_exact(city: City, feed: Feed, sent: Sent) -> None:
    assert in_kafka(city) == sorted(sent.keys)
    letters = [e["dead_letter_id"] for e in city.events("dead_letter")]
    assert len(letters) == len(set(letters))
    assert in_ledger(city, feed) == sent.counts


SEEDS = [1, *(pytest.param(seed, marks=pytest.mark.faults) for seed in (2, 3, 4))]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_file_feed_killed_at_any_point_sends_each_record_once_and_counts_it_once(city: City, seed: int) -> None:
    rng = random.Random(seed)
    points = rng.sample(POINTS, len(POINTS))
    sent = Sent.some(rng, PART_RECORDS * len(points))
    folder = city.state / "drop"
    folder.mkdir()
    options = {"kind": "files", "folder": "drop", "period_seconds": 0.05, "settle_seconds": 0}
    feed = city.feed("files", {**options, "max_lines_per_payload": 100}, layout="lines")
    for number, point in enumerate(points):
        (folder / f"{number}.jsonl").write_bytes(b"\n".join(sent.part(number)) + b"\n")
        killed(city, feed, point, rng)
    asyncio.run(until_counted(city, feed, sent))
    assert_exact(city, feed, sent)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_mqtt_feed_killed_at_any_point_sends_each_record_once_and_counts_it_once(city: City, seed: int) -> None:
    rng = random.Random(seed)
    points = rng.sample(OF_MQTT, len(OF_MQTT))
    sent = Sent.some(rng, PART_RECORDS * len(points))
    feed = by_radio(city, receive_maximum=200)
    asyncio.run(subscribed(city, feed))
    for number, point in enumerate(points):
        asyncio.run(publish(city, sent.part(number)))
        killed(city, feed, point, rng)
    asyncio.run(until_counted(city, feed, sent))
    assert_exact(city, feed, sent)
