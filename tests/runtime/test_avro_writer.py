from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.avro import encoder
from runtime.avro_writer import fast_encoder
from schemas import Contract, Field, Kind, contracts

ZONES = st.sampled_from([UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-9, minutes=-30))])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
PLACES = st.fixed_dictionaries({"lat": st.floats(-90, 90), "lon": st.floats(-180, 180)})
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": TEXTS,
    "double": st.floats(allow_nan=False) | st.integers(-(2**53), 2**53),
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "timestamp-micros": st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=ZONES),  # noqa: DTZ001
    "array": st.lists(TEXTS, max_size=5),
    "bytes": st.binary(max_size=200),
    "GeoPoint": PLACES,
}
WITH_TOPIC = [c for c in contracts().values() if c.kind is not Kind.RESULT]


def is_flat(contract: Contract) -> bool:
    """Whether it holds no list of records, as nothing does that a connector writes."""
    return all(f.avro_type["items"] == "string" for f in contract.fields if f.logical_type == "array")


FLAT = [c for c in WITH_TOPIC if is_flat(c)]


def values(field: Field) -> st.SearchStrategy[Any]:
    some = VALUES[field.logical_type]
    return st.none() | some if field.is_optional else some


@pytest.mark.parametrize("contract", FLAT, ids=lambda c: c.name)
def test_its_bytes_are_those_of_fastavro(contract: Contract) -> None:
    fast, slow = fast_encoder(contract, 7), encoder(contract, 7)
    assert fast.__module__ == "runtime.avro_writer"

    @settings(max_examples=60, deadline=None)
    @given(st.fixed_dictionaries({f.name: values(f) for f in contract.fields}))
    def same(event: dict[str, Any]) -> None:
        assert fast(event) == slow(event)

    same()


def test_a_contract_with_another_type_is_written_by_fastavro(monkeypatch: pytest.MonkeyPatch) -> None:
    described = WITH_TOPIC[0]
    other = {"name": "odd", "type": {"type": "map", "values": "string"}, "doc": "-"}
    avro = {**described.avro, "fields": [*described.avro["fields"], other]}
    odd = described.model_copy(update={"avro": avro})
    monkeypatch.delitem(odd.__dict__, "fields", raising=False)
    assert fast_encoder(odd, 7).__module__ == "runtime.avro"


@pytest.mark.parametrize("field", ["entity_id", "observed_at"])
def test_what_no_bytes_can_be_made_of_is_an_error(field: str) -> None:
    weather = contracts()["weather_observed"]
    now = datetime(2026, 7, 14, tzinfo=UTC)
    event: dict[str, Any] = {f.name: None for f in weather.fields}
    event |= {"tenant": "t", "entity_id": "s", "observed_at": now, "ingested_at": now, "feed": "f", "flags": []}
    assert fast_encoder(weather, 1)(event)
    with pytest.raises((ValueError, TypeError, AttributeError)):
        fast_encoder(weather, 1)({**event, field: None})
