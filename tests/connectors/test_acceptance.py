from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from connectors.acceptance import Acceptance
from connectors.feed import Feed
from connectors.model import Reason, Record, Rejected
from schemas import Kind, contract, contracts
from schemas.validation import example, problems

NOW = datetime(2026, 7, 14, 12, 0, tzinfo=UTC)


def judged(feed: Feed, values: dict[str, Any], **record: Any) -> dict[str, Any] | Rejected:
    given = {"event": feed.event, "entity_id": "s1", "observed_at": NOW, "values": values, **record}
    return Acceptance(feed, contract(feed.event))(Record(**given), NOW)


def event(feed: Feed, values: dict[str, Any], **record: Any) -> dict[str, Any]:
    found = judged(feed, values, **record)
    assert isinstance(found, dict), found
    assert problems(contract(feed.event), found) == []
    return found


def reason(feed: Feed, values: dict[str, Any], **record: Any) -> Reason:
    found = judged(feed, values, **record)
    assert isinstance(found, Rejected), found
    return found.reason


def test_an_event_has_all_fields_of_its_contract_and_null_is_unknown(weather_feed: Feed) -> None:
    found = event(weather_feed, {"temperature_celsius": 0})
    assert found.keys() == set(contract("weather_observed").field_names)
    assert found["temperature_celsius"] == 0
    assert found["relative_humidity_ratio"] is None
    assert (found["tenant"], found["feed"], found["ingested_at"]) == ("toulouse", "test-feed", NOW)


def test_a_default_fills_what_the_record_does_not_say_and_nothing_else(weather_feed: Feed) -> None:
    feed = weather_feed.model_copy(update={"defaults": {"elevation_m": 150.0, "is_rural_reference": False}})
    found = event(feed, {"elevation_m": 0.0, "is_rural_reference": None})
    assert (found["elevation_m"], found["is_rural_reference"]) == (0.0, False)


@pytest.mark.parametrize("defaults", [{"elevation_m": "high"}, {"elevation_m": 99_999}, {"entity_id": "x"}])
def test_a_default_that_no_record_could_have_stops_the_feed(weather_feed: Feed, defaults: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="defaults"):
        Acceptance(weather_feed.model_copy(update={"defaults": defaults}), contract("weather_observed"))


def test_flags_are_sorted_and_none_is_invented(weather_feed: Feed) -> None:
    assert event(weather_feed, {"flags": ["late", "doubtful"]})["flags"] == ["doubtful", "late"]
    assert event(weather_feed, {})["flags"] == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"temperature_celsius": "20"}, Reason.WRONG_TYPE),
        ({"temperature_celsius": True}, Reason.WRONG_TYPE),
        ({"temperature_celsius": math.nan}, Reason.WRONG_TYPE),
        ({"elevation_m": math.inf}, Reason.WRONG_TYPE),
        ({"temperature_celsius": 60.1}, Reason.OUT_OF_RANGE),
        ({"temperature_celsius": -60.1}, Reason.OUT_OF_RANGE),
        ({"temperature_celsius": 10**400}, Reason.OUT_OF_RANGE),
        ({"local_climate_zone": "11"}, Reason.UNKNOWN_VALUE),
        ({"local_climate_zone": 2}, Reason.WRONG_TYPE),
        ({"is_rural_reference": 1}, Reason.WRONG_TYPE),
        ({"location": {"lat": 43.6}}, Reason.WRONG_TYPE),
        ({"location": {"lat": 43.6, "lon": 1.4, "alt": 1}}, Reason.WRONG_TYPE),
        ({"location": {"lat": 91.0, "lon": 1.4}}, Reason.OUT_OF_RANGE),
        ({"location": [43.6, 1.4]}, Reason.WRONG_TYPE),
        ({"flags": "late"}, Reason.WRONG_TYPE),
        ({"temperature": 20.0}, Reason.UNKNOWN_VALUE),
        ({"tenant": "other"}, Reason.UNKNOWN_VALUE),
    ],
)
def test_a_value_that_is_not_what_the_contract_says_is_rejected(
    weather_feed: Feed, values: dict[str, Any], expected: Reason
) -> None:
    assert reason(weather_feed, values) == expected


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"entity_id": ""}, Reason.MISSING_FIELD),
        ({"entity_id": 7}, Reason.WRONG_TYPE),
        ({"entity_id": None}, Reason.WRONG_TYPE),
        ({"entity_id": "x" * 257}, Reason.OUT_OF_RANGE),
        ({"observed_at": datetime(2026, 7, 14, 12)}, Reason.WRONG_TYPE),  # noqa: DTZ001 - without a zone is the point
        ({"observed_at": 1_780_000_000}, Reason.WRONG_TYPE),
        ({"observed_at": NOW + timedelta(seconds=601)}, Reason.FUTURE_TIME),
        ({"observed_at": NOW + timedelta(days=3650)}, Reason.FUTURE_TIME),
        ({"event": "parking_observed"}, Reason.UNSUPPORTED),
    ],
)
def test_a_record_without_a_sound_identity_or_time_is_rejected(
    weather_feed: Feed, record: dict[str, Any], expected: Reason
) -> None:
    assert reason(weather_feed, {}, **record) == expected


def test_a_time_within_the_tolerance_is_accepted_in_any_zone(weather_feed: Feed) -> None:
    paris = timezone(timedelta(hours=2))
    at = (NOW + timedelta(seconds=600)).astimezone(paris)
    assert event(weather_feed, {}, observed_at=at)["observed_at"] == NOW + timedelta(seconds=600)


def test_a_rejected_record_keeps_what_it_was_read_from_and_is_known_by_its_entity(weather_feed: Feed) -> None:
    found = judged(weather_feed, {"temperature_celsius": 99.5}, alone=lambda: b'{"t": 211.1}')
    assert isinstance(found, Rejected)
    assert found.place == "s1"
    assert "temperature_celsius: 99.5 is not in -60..60" in found.detail
    assert found.payload == b'{"t": 211.1}'


@pytest.mark.parametrize("value", ["\ud800", 2**70, object()])
def test_a_value_that_no_field_can_hold_is_rejected(weather_feed: Feed, value: Any) -> None:
    assert reason(weather_feed, {"temperature_celsius": value}) in (Reason.WRONG_TYPE, Reason.OUT_OF_RANGE)


@pytest.mark.parametrize("name", [c.name for c in contracts().values() if c.kind is Kind.EVENT])
def test_the_good_examples_of_every_contract_are_accepted(weather_feed: Feed, name: str) -> None:
    described = contract(name)
    feed = weather_feed.model_copy(update={"event": name, "future_tolerance_seconds": 1e9})
    good = [p for p in described.examples() if p.name.endswith(".pass.json")]
    assert good
    for path in good:
        full = example(described, path)
        given = {"entity_id", "observed_at", "tenant", "feed", "ingested_at"}
        values = {k: v for k, v in full.items() if k not in given}
        found = event(feed, values, entity_id=full["entity_id"], observed_at=full["observed_at"])
        assert {k: found[k] for k in values} == {**values, "flags": sorted(values.get("flags", []))}
