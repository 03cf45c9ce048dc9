from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import cast

import pytest
from confluent_kafka import Message

from connectors import tail
from connectors.cursor import Cursor
from connectors.duplicates import Known
from connectors.feed import Feed
from connectors.recovery import Recovery
from connectors.tail import Entry, Found, Tail, Wanted
from runtime.registry import Registry
from schemas import contract

Reader = Callable[[Message], Entry | None]


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many feeds each reading of a topic was for."""
    made: list[int] = []

    def read(_bootstrap: str, _topic: str, wanted: Sequence[Wanted], _entry_of: Reader) -> list[Found]:
        made.append(len(wanted))
        time.sleep(0.05)
        if any(w.feed == "bad" for w in wanted):
            raise OSError("Kafka does not answer")
        return [Found([Entry("t", w.feed, w.feed, 0)]) for w in wanted]

    monkeypatch.setattr(tail, "read", read)
    return made


def test_many_feeds_that_start_at_once_are_answered_by_two_readings(readings: list[int]) -> None:
    async def main() -> list[Found]:
        asked = Tail("", "topic", lambda _: None)
        return await asyncio.gather(*(asked.find(Wanted("t", f"f{n}", {})) for n in range(50)))

    found = asyncio.run(main())
    assert [f.before[0].feed for f in found] == [f"f{n}" for n in range(50)]
    assert len(readings) <= 2
    assert sum(readings) == 50


def test_all_who_asked_hear_that_kafka_does_not_answer_and_the_next_are_answered(readings: list[int]) -> None:
    async def main() -> None:
        asked = Tail("", "topic", lambda _: None)
        finds = [asked.find(Wanted("t", name, {})) for name in ("bad", "bad", "bad")]
        outcomes = await asyncio.gather(*finds, return_exceptions=True)
        assert [type(o) for o in outcomes] == [OSError] * 3
        assert (await asked.find(Wanted("t", "good", {}))).before[0].feed == "good"

    asyncio.run(main())
    assert len(readings) == 3


def test_a_feed_that_starts_again_reads_no_more_than_this_process_sent(readings: list[int], weather_feed: Feed) -> None:
    async def main() -> None:
        recovery = Recovery("", cast(Registry, None))
        cursor = Cursor()
        topics = [contract(name).topic for name in ("weather_observed", "dead_letter")]
        cursor.offsets = {topic: {0: 10} for topic in topics}
        await recovery.recover(weather_feed, cursor, Known(), {topic: {0: 10} for topic in topics})
        assert readings == []
        await recovery.recover(weather_feed, cursor, Known(), {topics[0]: {0: 11}, topics[1]: {0: 10}})

    asyncio.run(main())
    assert readings == [1]
