"""The wire format: what was written is read, by later schemas too, and garbage is named."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.avro import Decoder, NotWireFormatError, encoder
from runtime.registry import UnknownSchemaError
from schemas import Contract, contract

WEATHER = contract("weather_observed")
EVENT = {
    "tenant": "toulouse",
    "entity_id": "s1",
    "observed_at": datetime(2026, 7, 14, 21, 15, 0, 123456, tzinfo=UTC),
    "ingested_at": datetime(2026, 7, 14, 21, 15, 4, tzinfo=UTC),
    "feed": "weather",
    "temperature_celsius": 27.4,
    "flags": ["range"],
}


class Schemas:
    def __init__(self, **by_number: dict[str, Any]) -> None:
        self.by_number = {int(k[1:]): v for k, v in by_number.items()}

    def schema(self, number: int) -> dict[str, Any]:
        try:
            return self.by_number[number]
        except KeyError:
            raise UnknownSchemaError(f"no schema has number {number}") from None


def test_an_event_is_read_as_it_was_written() -> None:
    event = Decoder(WEATHER, Schemas(n7=WEATHER.avro))(encoder(WEATHER, 7)(EVENT))
    assert {k: v for k, v in event.items() if v is not None} == EVENT


def test_an_event_of_an_earlier_schema_gets_the_defaults_of_the_new_fields() -> None:
    old = copy.deepcopy(WEATHER.avro)
    old["fields"] = [f for f in old["fields"] if f["name"] != "elevation_m"]
    earlier = Contract(name=WEATHER.name, major=1, avro=old, declaration=WEATHER.declaration, folder=WEATHER.folder)
    event = Decoder(WEATHER, Schemas(n3=old))(encoder(earlier, 3)(EVENT))
    assert event["elevation_m"] is None
    assert event["temperature_celsius"] == 27.4


def test_a_value_that_does_not_fit_is_refused() -> None:
    with pytest.raises((ValueError, TypeError)):
        encoder(WEATHER, 7)({**EVENT, "temperature_celsius": "warm"})


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda _: b"", "starts with"),
        (lambda v: b"\x01" + v[1:], "starts with"),
        (lambda v: v[:20], "not Avro"),
        (lambda v: v + b"x", "bytes are left"),
    ],
)
def test_damage_is_named(damage: Any, words: str) -> None:
    with pytest.raises(NotWireFormatError, match=words):
        Decoder(WEATHER, Schemas(n7=WEATHER.avro))(damage(encoder(WEATHER, 7)(EVENT)))


def test_a_number_nobody_knows_is_named() -> None:
    with pytest.raises(UnknownSchemaError, match="number 8"):
        Decoder(WEATHER, Schemas(n7=WEATHER.avro))(encoder(WEATHER, 8)(EVENT))


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(body: bytes) -> None:
    try:
        event = Decoder(WEATHER, Schemas(n7=WEATHER.avro))(b"\x00\x00\x00\x00\x07" + body)
    except NotWireFormatError:
        return
    assert set(event) == set(WEATHER.field_names)
