"""A night against its hours and a city whose heat field is known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from jobs.heat_island_nightly import station_nights
from jobs.indicators.heat_hours import HOUR, network_hour
from jobs.indicators.heat_nights import NetworkNight, network_night
from jobs.indicators.heat_observations import Observations

Event = dict[str, Any]
City = Callable[..., list[Event]]
Observe = Callable[[list[Event]], Observations]
SIX = datetime(2026, 7, 14, 18, tzinfo=UTC)
NOON = int(datetime(2026, 7, 14, 12, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.fixture
def events(make_city: City) -> list[Event]:
    return make_city(start=SIX - timedelta(hours=1), hours=13, stations=12, references=2)


@pytest.fixture
def night(observe: Observe) -> Callable[[list[Event]], NetworkNight]:
    return lambda events: network_night(observe(events), NOON)


def test_a_night_says_the_same_as_its_twelve_hours(
    events: list[Event], observe: Observe, night: Callable[[list[Event]], NetworkNight]
) -> None:
    observed = observe(events)
    hours = [network_hour(observed, NOON + (6 + i) * HOUR) for i in range(12)]
    intensity = np.array([h.intensity_celsius for h in hours])
    made = night(events)
    np.testing.assert_allclose(made.mean_intensity_celsius, intensity.mean(axis=0))
    np.testing.assert_allclose(made.degree_hours, np.maximum(intensity, 0).sum(axis=0))
    np.testing.assert_array_equal(made.lowest_celsius, np.min([h.lowest_celsius for h in hours], axis=0))
    assert made.hours_count.tolist() == [12] * 12
    assert made.coverage_ratio.tolist() == [1.0] * 12
    assert made.accepted.tolist() == [48] * 12
    assert not made.flags.any()


def test_degree_hours_leave_out_cool_hours(events: list[Event], night: Callable[[list[Event]], NetworkNight]) -> None:
    for event in events:
        if event["entity_id"] == "station-000" and event["observed_at"].hour in {0, 1}:
            event["temperature_celsius"] -= 4
    made = night(events)
    assert made.degree_hours[0] > 12 * made.mean_intensity_celsius[0] + 1


def test_a_night_that_stays_warm_is_tropical_once_it_is_over(
    events: list[Event], night: Callable[[list[Event]], NetworkNight]
) -> None:
    warm = [e | {"temperature_celsius": e["temperature_celsius"] + 8} for e in events]
    assert night(warm).is_tropical[0] is True
    until_midnight = [e for e in warm if e["observed_at"] < SIX + timedelta(hours=6)]
    going_on = night(until_midnight)
    assert going_on.is_tropical[0] is None
    assert going_on.hours_count[0] == 6
    assert going_on.coverage_ratio[0] == 0.5


def test_a_night_is_not_tropical_from_its_first_cool_value_on(
    events: list[Event], night: Callable[[list[Event]], NetworkNight]
) -> None:
    made = night([e for e in events if e["observed_at"] < SIX + timedelta(hours=7)])
    assert made.lowest_celsius[0] < 20
    assert made.is_tropical[0] is False


def test_a_cold_value_that_fails_quality_control_makes_no_minimum(
    events: list[Event], night: Callable[[list[Event]], NetworkNight]
) -> None:
    before = night([dict(e) for e in events]).lowest_celsius[0]
    event = next(e for e in events if e["entity_id"] == "station-000" and e["observed_at"].hour == 21)
    event["temperature_celsius"] = -12.0
    made = night(events)
    assert made.lowest_celsius[0] == before
    assert made.rejected[0] == 1


def test_a_silent_hour_makes_the_night_incomplete(events: list[Event], observe: Observe) -> None:
    kept = [e for e in events if e["observed_at"].hour != 23 or e["entity_id"] != "station-000"]
    columns = station_nights(observe(kept), NOON)
    assert columns["hours_count"][0] == 11
    assert columns["flags"][0] == ["incomplete_night"]
    assert columns["flags"][1] == []


def test_without_a_reference_only_the_temperatures_are_known(
    events: list[Event], night: Callable[[list[Event]], NetworkNight]
) -> None:
    made = night([e for e in events if not e["is_rural_reference"]])
    assert np.isnan(made.mean_intensity_celsius).all()
    assert np.isnan(made.degree_hours).all()
    assert np.isfinite(made.lowest_celsius).all()
    assert made.hours_count.tolist() == [12] * 10


def test_the_hour_before_the_night_makes_no_row(events: list[Event], observe: Observe) -> None:
    early = [e for e in events if e["observed_at"] < SIX or e["entity_id"] == "station-001"]
    columns = station_nights(observe(early), NOON)
    assert columns["entity_id"] == ["station-001"]
    assert columns["night_of"] == "2026-07-14"
