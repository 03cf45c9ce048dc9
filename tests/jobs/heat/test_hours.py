"""A network's hour against a city whose heat field is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from jobs.heat_island_hourly import station_hours
from jobs.indicators.heat_hours import HOUR, NetworkHour, network_hour
from jobs.indicators.heat_observations import Observations

Event = dict[str, Any]
City = Callable[..., list[Event]]
Observe = Callable[[list[Event]], Observations]
EVENING = datetime(2026, 7, 14, 20, tzinfo=UTC)
START = int(EVENING.timestamp()) * 1_000_000


@pytest.fixture
def hour(observe: Observe) -> Callable[[list[Event]], NetworkHour]:
    return lambda events: network_hour(observe(events), START)


def rows(observed: Observations) -> dict[str, dict[str, Any]]:
    """The result's rows by station."""
    columns = station_hours(observed, START - HOUR)
    count = len(columns["entity_id"])
    each = {
        k: v if isinstance(v, list) or (isinstance(v, np.ndarray) and v.ndim) else [v] * count
        for k, v in columns.items()
    }
    return {columns["entity_id"][i]: {k: v[i] for k, v in each.items()} for i in range(count)}


def of(events: list[Event], station: str) -> list[Event]:
    return [e for e in events if e["entity_id"] == station]


def test_intensity_is_the_known_truth_whatever_the_heights(
    make_city: City, observe: Observe, truth: Callable[[float, float, datetime], float]
) -> None:
    events = make_city()
    result = rows(observe(events))
    assert len(result) == 40
    for station, row in result.items():
        event = of(events, station)[0]
        north = (event["location"]["lat"] - 43.6045) * 111.195
        east = (event["location"]["lon"] - 1.4440) * 111.195 * np.cos(np.radians(43.6045))
        times = [EVENING + timedelta(minutes=15 * i) for i in range(4)]
        expected = 0.0 if event["is_rural_reference"] else np.mean([truth(east, north, t) for t in times])
        assert row["intensity_celsius"] == pytest.approx(expected, abs=1e-9)
        assert row["flags"] == []
        assert row["coverage_ratio"] == 1.0
        assert (row["observations_count"], row["rejected_count"]) == (4, 0)
        assert (row["stations_count"], row["reference_stations_count"]) == (40, 4)


def test_order_and_repetition_change_no_bit(make_city: City, observe: Observe) -> None:
    events = make_city(hours=2, start=EVENING - timedelta(hours=1), noise=0.2)
    once = network_hour(observe(events), START)
    mixed = np.random.default_rng(8).permutation(np.append(np.arange(len(events)), np.arange(0, len(events), 2)))
    again = network_hour(observe([events[i] for i in mixed]), START)
    for f in fields(NetworkHour)[3:]:
        assert getattr(once, f.name).tobytes() == getattr(again, f.name).tobytes(), f.name


def test_the_message_taken_in_last_counts(make_city: City, observe: Observe) -> None:
    events = make_city()
    wrong = of(events, "station-000")[0] | {"temperature_celsius": 5.0}
    later = wrong | {"ingested_at": wrong["ingested_at"] + timedelta(minutes=5)}
    for order in ([*events, later], [later, *events]):
        result = rows(observe(order))["station-000"]
        assert result["observations_count"] == 3
        assert result["rejected_count"] == 1
        assert result["flags"] == ["step"]
    assert rows(observe([*events, wrong | {"ingested_at": EVENING}]))["station-000"]["rejected_count"] == 0


def test_two_messages_taken_in_at_once_are_settled_without_regard_to_order(make_city: City, observe: Observe) -> None:
    events = make_city()
    twin = events[0] | {"temperature_celsius": events[0]["temperature_celsius"] + 1}
    one, other = (rows(observe(order))["station-000"] for order in ([twin, *events], [*events, twin]))
    assert one["mean_temperature_celsius"] == other["mean_temperature_celsius"]


def test_a_wrong_value_is_left_out_counted_and_flagged(make_city: City, observe: Observe) -> None:
    good, events = make_city(), make_city()
    of(events, "station-003")[1]["temperature_celsius"] = 85.0
    result = rows(observe(events))["station-003"]
    assert result["flags"] == ["range"]
    assert (result["observations_count"], result["rejected_count"]) == (3, 1)
    assert result["mean_temperature_celsius"] == pytest.approx(
        rows(observe(good))["station-003"]["mean_temperature_celsius"], abs=0.4
    )


def test_an_outlier_has_no_mean_and_is_kept_in_the_count(make_city: City, observe: Observe) -> None:
    events = make_city()
    for event in of(events, "station-005"):
        event["temperature_celsius"] += 14
    result = rows(observe(events))["station-005"]
    assert result["flags"] == ["few_observations", "outlier"]
    assert np.isnan(result["mean_temperature_celsius"])
    assert np.isnan(result["intensity_celsius"])
    assert (result["observations_count"], result["rejected_count"], result["stations_count"]) == (0, 4, 40)


def test_a_wrong_reference_does_not_move_the_others(make_city: City, observe: Observe) -> None:
    good, events = make_city(references=6), make_city(references=6)
    for event in of(events, "station-039"):
        event["temperature_celsius"] += 12
    before, after = rows(observe(good))["station-000"], rows(observe(events))["station-000"]
    assert after["reference_stations_count"] == 5
    assert after["intensity_celsius"] == pytest.approx(before["intensity_celsius"], abs=1e-9)


def test_a_sensor_stuck_since_the_hour_before_is_flat(make_city: City, observe: Observe) -> None:
    events = make_city(start=EVENING - timedelta(hours=1), hours=2)
    for event in of(events, "station-002"):
        event["temperature_celsius"] = 27.3
    result = rows(observe(events))["station-002"]
    assert "flat_line" in result["flags"]
    assert result["rejected_count"] == 4


def test_the_hour_before_is_read_but_makes_no_figure(make_city: City, observe: Observe) -> None:
    events = make_city(start=EVENING - timedelta(hours=1), hours=2)
    silent = [e for e in events if e["entity_id"] != "station-001" or e["observed_at"] < EVENING]
    result = rows(observe(silent))
    assert "station-001" not in result
    assert result["station-000"]["observations_count"] == 4
    assert result["station-000"]["stations_count"] == 39


def test_without_a_declared_reference_the_zone_chooses(make_city: City, observe: Observe) -> None:
    events = [e | {"is_rural_reference": None} for e in make_city()]
    result = rows(observe(events))["station-000"]
    assert result["flags"] == ["reference_by_lcz"]
    assert result["intensity_celsius"] == pytest.approx(rows(observe(make_city()))["station-000"]["intensity_celsius"])
    assert result["is_rural_reference"] is None


def test_without_any_reference_intensity_is_unknown(make_city: City, observe: Observe) -> None:
    events = [e for e in make_city() if not e["is_rural_reference"]]
    result = rows(observe(events))["station-000"]
    assert np.isnan(result["intensity_celsius"])
    assert result["flags"] == ["no_reference"]
    assert result["reference_stations_count"] == 0
    assert not np.isnan(result["mean_temperature_celsius"])


def test_an_unknown_height_is_flagged_and_not_corrected(make_city: City, observe: Observe) -> None:
    events = make_city()
    for event in of(events, "station-000"):
        event["elevation_m"] = None
    result = rows(observe(events))
    assert result["station-000"]["flags"] == ["missing_elevation"]
    reference = result["station-039"]
    assert result["station-000"]["reference_temperature_celsius"] == pytest.approx(
        reference["mean_temperature_celsius"]
    )
    assert result["station-001"]["flags"] == []


def test_coverage_follows_the_stations_own_interval(make_city: City, observe: Observe) -> None:
    events = make_city(start=EVENING - timedelta(hours=1), hours=2, minutes=5)
    kept = [e for e in events if e["entity_id"] != "station-000" or e["observed_at"].minute % 20 == 0]
    lost = [e for e in kept if e["entity_id"] != "station-001" or e["observed_at"] < EVENING + timedelta(minutes=30)]
    result = rows(observe(lost))
    assert result["station-000"]["coverage_ratio"] == 1.0
    assert result["station-001"]["coverage_ratio"] == 0.5
    assert result["station-001"]["flags"] == ["few_observations"]


def test_a_single_observation_is_measured_by_the_networks_interval(make_city: City, observe: Observe) -> None:
    events = make_city()
    kept = [e for e in events if e["entity_id"] != "station-000" or e["observed_at"] == EVENING]
    assert rows(observe(kept))["station-000"]["coverage_ratio"] == 0.25
    alone = rows(observe(of(kept, "station-000")))["station-000"]
    assert np.isnan(alone["coverage_ratio"])
    assert alone["flags"] == ["few_observations", "no_reference"]


def test_a_station_without_temperature_is_still_reported(make_city: City, observe: Observe) -> None:
    events = make_city()
    for event in of(events, "station-000"):
        event["temperature_celsius"] = None
    result = rows(observe(events))["station-000"]
    assert result["flags"] == ["few_observations", "no_temperature"]
    assert (result["observations_count"], result["rejected_count"]) == (0, 0)
    assert result["mean_relative_humidity_ratio"] == 0.5
    assert np.isnan(result["humidex_celsius"])


def test_a_station_without_a_place_has_a_figure(make_city: City, observe: Observe) -> None:
    events = make_city()
    for event in of(events, "station-000"):
        event["location"] = None
    result = rows(observe(events))["station-000"]
    assert result["location"] is None
    assert not np.isnan(result["intensity_celsius"])


def test_flags_of_observations_travel_into_the_figure(make_city: City, observe: Observe) -> None:
    events = make_city()
    of(events, "station-000")[2]["flags"] = ["stale", "battery_low"]
    result = rows(observe(events))
    assert result["station-000"]["flags"] == ["battery_low", "stale"]
    assert result["station-001"]["flags"] == []


def test_the_newest_intake_of_the_hour_is_kept(make_city: City, observe: Observe) -> None:
    row = rows(observe(make_city(hours=2)))["station-000"]
    assert row["last_ingested_at"] == START + 45 * 60_000_000 + 20_000_000
