"""What Kafka has of a feed beyond its cursor, read from messages as they stand there."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from confluent_kafka import Message

from connectors.counts import HourCounts, hour_of
from connectors.recovery import Recovery, counted
from connectors.tail import Entry
from runtime.avro import encoder
from runtime.dead_letters import dead_letter
from runtime.registry import Registry
from schemas import contract

AT = datetime(2026, 7, 14, 12, 30, 0, 123_456, tzinfo=UTC)
HOUR = hour_of(AT)


@dataclass
class Told:
    """A message of a topic."""

    body: bytes
    named: list[tuple[str, bytes]] = field(default_factory=list)

    def value(self) -> bytes:
        return self.body

    def headers(self) -> list[tuple[str, bytes]] | None:
        return self.named or None


class Schemas:
    """The registry, by contract: 1 is weather, 2 dead letters."""

    def schema(self, number: int) -> dict[str, Any]:
        return dict(contract({1: "weather_observed", 2: "dead_letter"}[number]).avro)


def entry(name: str, body: bytes, **headers: bytes) -> Entry | None:
    reader = Recovery("", cast(Registry, Schemas()))._reader(contract(name).topic)
    return reader(cast(Message, Told(body, list(headers.items()))))


def weather() -> bytes:
    optional = dict.fromkeys(contract("weather_observed").field_names)
    head = {"tenant": "toulouse", "entity_id": "s1", "observed_at": AT, "ingested_at": AT, "feed": "f", "flags": []}
    return encoder(contract("weather_observed"), 1)({**optional, **head})


def a_letter(stage: str) -> bytes:
    made = dead_letter(
        tenant="toulouse",
        feed="f",
        stage=stage,
        reason="malformed",
        detail="",
        place="a:1",
        payload=b"x" * 100_000,
        occurred_at=AT,
    )
    return encoder(contract("dead_letter"), 2)(made)


def test_an_event_is_known_by_its_key_and_counted_in_its_hour() -> None:
    assert entry("weather_observed", weather()) == Entry("toulouse", "f", ("s1", AT), HOUR)


def test_an_event_that_was_replayed_is_known_and_not_counted() -> None:
    found = entry("weather_observed", weather(), dead_letter_id=b"abc")
    assert found is not None
    assert (found.id, found.is_own) == (("s1", AT), False)


def test_a_dead_letter_is_counted_in_the_hour_it_says_or_else_when_it_was_written() -> None:
    found = entry("dead_letter", a_letter("decode"), hour=b"12345")
    assert found is not None
    assert (found.tenant, found.feed, found.hour, found.reason) == ("toulouse", "f", 12_345, "malformed")
    older = entry("dead_letter", a_letter("connector"))
    assert older is not None
    assert older.hour == HOUR


def test_a_dead_letter_of_a_job_is_none_of_the_feeds() -> None:
    assert entry("dead_letter", a_letter("sink")) is None


@pytest.mark.parametrize("body", [b"", b"\0\0\0\0\1", b"garbage", b"\0\0\0\0\1\xff\xff\xff"])
def test_what_cannot_be_read_is_passed_over(body: bytes) -> None:
    assert entry("weather_observed", body) is None


def test_found_records_are_received_and_accepted_or_rejected() -> None:
    sent = [Entry("t", "f", n, HOUR) for n in range(3)]
    refused = [Entry("t", "f", "a", HOUR, "malformed"), Entry("t", "f", "b", HOUR + 1, "hostile")]
    assert counted(sent, refused) == [
        HourCounts(HOUR, 4, 3, 0, {"malformed": 1}),
        HourCounts(HOUR + 1, 1, 0, 0, {"hostile": 1}),
    ]
