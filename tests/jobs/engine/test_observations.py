"""What the query without a window makes of messages."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from jobs.engine.observations import Batch, collect
from runtime.avro import Decoder, encoder
from schemas import Contract, contract

WEATHER = contract("weather_observed")
LETTER = contract("dead_letter")
NOON = datetime(2026, 7, 14, 12, tzinfo=UTC)


class OneSchema:
    def __init__(self, c: Contract) -> None:
        self.c = c

    def schema(self, number: int) -> dict[str, Any]:  # noqa: ARG002
        return self.c.avro


def event(entity: str, minute: int, celsius: float = 20.0, late: int = 0) -> dict[str, Any]:
    time = NOON + timedelta(minutes=minute)
    return {
        "tenant": "toulouse",
        "entity_id": entity,
        "observed_at": time,
        "ingested_at": time + timedelta(seconds=2 + late),
        "feed": "weather",
        "temperature_celsius": celsius,
        "flags": [],
    }


def message(value: bytes, c: Contract = WEATHER, offset: int = 0) -> dict[str, Any]:
    return {
        "key": b"toulouse/x",
        "value": value,
        "topic": c.topic,
        "partition": 1,
        "offset": offset,
        "timestamp": NOON + timedelta(hours=1),
    }


def collected(*messages: dict[str, Any]) -> Batch:
    decoders = {c.topic: (c, Decoder(c, OneSchema(c))) for c in (WEATHER, LETTER)}

    def decode(topic: str, value: bytes) -> tuple[Contract, dict[str, Any]]:
        c, read = decoders[topic]
        return c, read(value)

    return collect(messages, decode)


def sent(e: dict[str, Any]) -> dict[str, Any]:
    return message(encoder(WEATHER, 1)(e))


def test_every_event_becomes_an_observation_and_the_newest_the_latest_state() -> None:
    batch = collected(*[sent(event("a", m)) for m in (10, 25, 15)], sent(event("b", 5)))
    assert [a.id.split("|")[1:] for a in batch.observations] == [
        ["a", "2026-07-14T12:10:00.000000Z"],
        ["a", "2026-07-14T12:25:00.000000Z"],
        ["a", "2026-07-14T12:15:00.000000Z"],
        ["b", "2026-07-14T12:05:00.000000Z"],
    ]
    latest = {a.id: orjson.loads(a.source)["observed_at"] for a in batch.latest.values()}
    assert latest == {"toulouse|a": "2026-07-14T12:25:00+00:00", "toulouse|b": "2026-07-14T12:05:00+00:00"}
    assert {a.index for a in batch.latest.values()} == {"city-weather_observed_latest-toulouse"}


def test_a_repeat_has_the_same_version_and_a_correction_a_higher_one() -> None:
    first, again, correction = (
        collected(sent(e)).observations[0]
        for e in (event("a", 10), event("a", 10), event("a", 10, celsius=21.0, late=60))
    )
    assert (first.id, first.version) == (again.id, again.version)
    assert first.version_type == "external"
    assert correction.id == first.id
    assert correction.version > first.version


def test_what_cannot_be_decoded_is_a_dead_letter_and_harms_nothing_else() -> None:
    batch = collected(message(b"garbage", offset=7), sent(event("a", 10)))
    assert len(batch.observations) == 1
    [letter] = batch.letters
    assert (letter["reason"], letter["tenant"], letter["payload"]) == ("malformed", "toulouse", b"garbage")
    assert letter["place"] == f"{WEATHER.topic}/1/7"


def test_an_event_from_the_future_is_a_dead_letter() -> None:
    batch = collected(sent(event("a", 10 * 365 * 24 * 60)))
    assert batch.observations == []
    assert [x["reason"] for x in batch.letters] == ["future_time"]


def test_the_same_failure_again_is_the_same_letter() -> None:
    one, two = (collected(message(b"garbage", offset=7)).letters[0] for _ in range(2))
    other = collected(message(b"garbage", offset=8)).letters[0]
    assert one["dead_letter_id"] == two["dead_letter_id"] != other["dead_letter_id"]


def test_a_dead_letter_is_indexed_with_its_bytes_and_has_no_latest_state() -> None:
    [letter] = collected(message(b"\xff\x00", offset=7)).letters
    batch = collected(message(encoder(LETTER, 2)(letter), LETTER))
    assert batch.latest == {}
    assert base64.b64decode(orjson.loads(batch.observations[0].source)["payload"]) == b"\xff\x00"
