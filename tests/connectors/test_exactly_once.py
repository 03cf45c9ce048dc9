"""A feed whose process dies at any moment, on a scripted Kafka: what is sent, and what is counted."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors import tail
from connectors.counts import HourCounts, hour_of
from connectors.cursor import Cursor
from connectors.duplicates import Known
from connectors.intake import FeedIntake
from connectors.recovery import counted
from connectors.tail import Entry, Span, Wanted, merged, spans_of
from tests.connectors.benches import NOW, Bench

Items = list[Any]


def some_payloads(rng: random.Random, count: int) -> list[Items]:
    """Payloads with repeats near and far, and bad ones of which some are alike."""
    payloads: list[Items] = []
    shown: Items = []
    for number in range(count):
        items: Items = []
        for _ in range(rng.randrange(6)):
            what = rng.random()
            if what < 0.2 and shown:
                items.append(rng.choice(shown))
            elif what < 0.35:
                items.append(f"bad {rng.randrange(count // 2)}")
            else:
                shown.append([f"s{number}", rng.randrange(300)])
                items.append(shown[-1])
        payloads.append(items)
    return payloads


def expected(payloads: list[Items]) -> Counter[tuple[int, str]]:
    counts: Counter[tuple[int, str]] = Counter()
    seen = set()
    for items in payloads:
        for item in items:
            is_bad = isinstance(item, str)
            hour = hour_of(NOW) if is_bad else hour_of(NOW) - (item[1] + 59) // 60
            outcome = "malformed" if is_bad else "duplicate" if str(item) in seen else "accepted"
            seen.add(str(item))
            counts[hour, outcome] += 1
            counts[hour, "received"] += 1
    return counts


def as_counter(hours: list[HourCounts]) -> Counter[tuple[int, str]]:
    counts: Counter[tuple[int, str]] = Counter()
    for c in hours:
        by_outcome = {"received": c.received, "accepted": c.accepted, "duplicate": c.duplicates, **c.rejected}
        counts.update({(c.hour, outcome): count for outcome, count in by_outcome.items()})
    return +counts


class Life:
    """A source that shows its payloads from where the cursor says, and processes that die."""

    def __init__(self, bench: Bench, payloads: list[Items], path: Path, rng: random.Random) -> None:
        self.bench, self._payloads, self._path, self._rng = bench, payloads, path, rng
        self._acknowledged = 0

    async def live(self, deaths: int) -> None:
        for _ in range(deaths):
            await self._process(dies=True)
            self._die()
        await self._process(dies=False)

    async def _process(self, *, dies: bool) -> None:
        intake = await self._started()
        at = int((self.bench.cursor.position("a") or {"at": 0})["at"])
        steps = self._rng.randrange(2, 40) if dies else None
        while at < len(self._payloads) and steps != 0:
            steps = steps - 1 if steps is not None else None
            delivery = self.bench.delivery(*self._payloads[at], repeats=False)
            at += 1
            object.__setattr__(delivery, "position", {"at": at})
            await intake.deliver(delivery)
            if self._rng.random() < 0.5:
                self._acknowledge(self._rng.randrange(6))
            if self._rng.random() < 0.2:
                await intake.unsettled.save()
        if not dies:
            self._acknowledge(len(self.bench.producer.sent))
            await intake.unsettled.save()

    async def _started(self) -> FeedIntake:
        """As `connectors.recovery` does it, from what the scripted Kafka has."""
        bench, known = self.bench, Known()
        cursor = bench.cursor = Cursor(self._path)
        self._acknowledged = end = len(bench.producer.sent)
        after: dict[str, dict[Any, Entry]] = {"events": {}, "letters": {}}
        for topic in after:
            since = cursor.offsets.get(topic, {0: end})[0]
            for entry in self._entries(topic, 0, since):
                (known.keys if topic == "events" else known.letters).add([entry.id])
            after[topic] = {e.id: e for e in self._entries(topic, since, end)}
            cursor.offsets[topic] = {0: end}
        events, letters = after.values()
        cursor.recover(counted(events.values(), letters.values()), events, letters)
        await cursor.save()
        return bench.intake(known)

    def _entries(self, topic: str, first: int, end: int) -> list[Entry]:
        producer = self.bench.producer
        found = []
        for (t, key, value), headers in zip(producer.sent[first:end], producer.headers[first:end], strict=True):
            if t == topic == "events":
                event = orjson.loads(value)
                at = datetime.fromisoformat(event["observed_at"])
                found.append(Entry("toulouse", "f", (event["entity_id"], at), hour_of(at), ""))
            elif t == topic:
                hour = int(dict(headers or ())["hour"] or 0)
                found.append(Entry("toulouse", "f", key.decode().removeprefix("toulouse/"), hour, "malformed"))
        return found

    def _acknowledge(self, count: int) -> None:
        end = min(self._acknowledged + count, len(self.bench.producer.sent))
        if end > self._acknowledged:
            self.bench.producer.acknowledge(*range(self._acknowledged, end))
        self._acknowledged = end

    def _die(self) -> None:
        """Of what is on its way the broker gets the first part."""
        producer = self.bench.producer
        end = self._rng.randint(self._acknowledged, len(producer.sent))
        for kept in (producer.sent, producer.headers, producer.waiting):
            del kept[end:]


@pytest.mark.parametrize("seed", range(20))
def test_each_record_is_sent_once_and_counted_once_whenever_the_process_dies(
    bench: Bench, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    payloads = some_payloads(rng, 150)
    bench.feed = bench.feed.model_copy(update={"breaker": None})
    asyncio.run(Life(bench, payloads, tmp_path / "c.json", rng).live(deaths=12))
    sent = [(t, k, v if t == "events" else b"") for t, k, v in bench.producer.sent]
    assert len(set(sent)) == len(sent)
    assert {t for t, _, _ in sent} == {"events", "letters"}
    assert as_counter(bench.cursor.counts.hours()) == expected(payloads)
    assert not bench.cursor.again | bench.cursor.again_letters


def test_what_a_polled_page_showed_before_the_crash_is_a_duplicate_when_it_is_shown_again(
    bench: Bench, tmp_path: Path
) -> None:
    async def main() -> None:
        bench.cursor = Cursor(tmp_path / "c.json")
        bench.cursor.recover([HourCounts(hour_of(NOW), 1, 1)], [("s1", NOW)], [])
        intake = bench.intake()
        await intake.deliver(bench.delivery("s1", "s2"))
        bench.producer.acknowledge()
        await intake.unsettled.save()
        assert bench.entities == ["s2"]
        assert bench.cursor.counts.hours() == [HourCounts(hour_of(NOW), 3, 2, 1)]
        assert set(Cursor(tmp_path / "c.json").keys()) == {("s1", NOW), ("s2", NOW)}

    asyncio.run(main())


def test_what_is_expected_again_stays_so_until_what_shows_it_is_settled(bench: Bench, tmp_path: Path) -> None:
    async def main() -> None:
        bench.cursor = Cursor(tmp_path / "c.json")
        bench.cursor.recover([], [("s1", NOW)], [])
        intake = bench.intake()
        await intake.deliver(bench.delivery("s1", "s2", repeats=False))
        await intake.unsettled.save()
        assert Cursor(tmp_path / "c.json").again == {("s1", NOW)}
        bench.producer.acknowledge()
        await intake.unsettled.save()
        assert Cursor(tmp_path / "c.json").again == set()

    asyncio.run(main())


def test_an_idle_feed_moves_on_with_the_others_and_a_busy_one_when_it_is_settled(bench: Bench) -> None:
    async def main() -> None:
        intake = bench.intake()
        events = intake._outlets.events
        events.ends[3] = 100
        await intake.unsettled.save()
        assert bench.cursor.offsets["events"] == {3: 100}
        await intake.deliver(bench.delivery("s1"))
        events.ends[3] = 200
        await intake.unsettled.save()
        assert bench.cursor.offsets["events"] == {3: 100}
        bench.producer.acknowledge()
        assert bench.cursor.offsets["events"] == {0: 1, 3: 200}

    asyncio.run(main())


BOUNDS = {0: (10, 50), 1: (0, 0)}


def test_a_feed_without_a_cursor_asks_for_all_and_a_known_one_for_what_is_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert spans_of(Wanted("t", "f", None), BOUNDS) == {0: Span(10, 10, 50), 1: Span(0, 0, 0)}
    monkeypatch.setattr(tail, "UNKNOWN_RECORDS", 40)  # of both partitions
    assert spans_of(Wanted("t", "f", None), BOUNDS)[0] == Span(30, 30, 50)
    assert spans_of(Wanted("t", "f", None, {0: 50}), BOUNDS)[0] == Span(50, 50, 50)
    assert spans_of(Wanted("t", "f", {0: 30}), BOUNDS)[0] == Span(30, 30, 50)
    assert spans_of(Wanted("t", "f", {0: 30}, looks_back=True), BOUNDS)[0] == Span(10, 30, 50)
    assert spans_of(Wanted("t", "f", {0: 30}, {0: 40}), BOUNDS)[0] == Span(30, 30, 40)


def test_offsets_that_are_gone_or_of_a_topic_made_anew_are_brought_within_it() -> None:
    assert spans_of(Wanted("t", "f", {0: 5}), BOUNDS)[0] == Span(10, 10, 50)
    assert spans_of(Wanted("t", "f", {0: 700}), BOUNDS)[0] == Span(50, 50, 50)
    assert spans_of(Wanted("t", "f", {1: 0}), BOUNDS)[0] == Span(10, 10, 50)  # a partition that was added


def test_stretches_that_feeds_share_are_read_once_and_what_lies_between_is_not_read() -> None:
    spans = [{0: Span(0, 5, 10)}, {0: Span(8, 8, 20)}, {0: Span(1_000, 1_000, 1_010)}, {0: Span(30, 30, 30)}]
    assert merged(spans) == {0: [(0, 20), (1_000, 1_010)]}
