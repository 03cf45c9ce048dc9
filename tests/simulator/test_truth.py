"""The truth against what the city says: summed up from its messages, it is the same."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from simulator.buses import STOPPED_AT
from simulator.city import City
from simulator.faults import Faults
from simulator.local_time import DAY, HOUR
from simulator.offer import offer_of
from simulator.sizes import SMALL
from simulator.truth import Truth

NOON = datetime(2026, 7, 14, 12, tzinfo=UTC)
AT_NOON = int(NOON.timestamp())
FIVE_MINUTES = timedelta(minutes=5)


@pytest.fixture(scope="module")
def city() -> City:
    return City(5, SMALL)


@pytest.fixture(scope="module")
def truth(city: City) -> Truth:
    return Truth(city)


def test_a_car_park_from_one_window_to_the_next(truth: Truth) -> None:
    windows = [truth.parking("PR-002", NOON + n * FIVE_MINUTES) for n in range(20)]
    for before, after in pairwise(windows):
        assert after.occupied == before.occupied + after.arrivals - after.departures
        assert after.least_arrivals <= after.arrivals
        assert after.least_departures <= after.departures


def test_a_car_parks_window_is_what_its_snapshots_say(city: City, truth: Truth) -> None:
    statuses = [
        offer_of(city).record_parking.statuses(t, np.array([], int), np.array([], int))[1]
        for t in range(AT_NOON, AT_NOON + 300, 60)
    ]
    window = truth.parking("PR-002", NOON)
    assert window.arrivals == sum(s.arrivals for s in statuses)
    assert (str(window.occupied), window.free) == (statuses[-1].occupied, statuses[-1].free)


def test_a_zone_of_spaces_from_its_messages(city: City, truth: Truth) -> None:
    spots = city.spots
    said = spots.messages(AT_NOON - DAY, AT_NOON + HOUR)
    state: dict[int, bool] = {}
    stays: dict[int, list[int]] = {}
    for spot, time, occupied, previous, is_change in zip(
        said.spots, said.times, said.occupied, said.previous_seconds, said.is_change, strict=True
    ):
        if is_change and not occupied and spots.zone[spot] == 1:
            stays.setdefault(time // 300 * 300, []).append(int(previous))
        if time < AT_NOON + 300:
            state[int(spot)] = bool(occupied)
    window = truth.parking("zone-02", NOON)
    assert window.occupied == sum(o for s, o in state.items() if spots.zone[s] == 1)
    assert window.free + window.occupied == spots.zone_spaces[1]
    for n in range(12):
        window = truth.parking("zone-02", NOON + n * FIVE_MINUTES)
        left = stays.get(AT_NOON + 300 * n, [])
        assert window.departures == len(left)
        assert window.mean_stay_seconds == (pytest.approx(np.mean(left)) if left else None)


def test_zones_from_one_window_to_the_next(truth: Truth) -> None:
    windows = [truth.parking("zone-01", NOON + n * FIVE_MINUTES) for n in range(100)]
    assert sum(w.arrivals for w in windows) > 0
    for before, after in pairwise(windows):
        assert after.occupied == before.occupied + after.arrivals - after.departures


def test_speed_is_weighted_by_vehicles(city: City, truth: Truth) -> None:
    states = city.traffic.states(np.arange(AT_NOON, AT_NOON + 300, 60))
    window = truth.traffic("troncon-0003", NOON)
    vehicles, speeds = states.vehicles[2], states.speed_tenths[2] / 10
    assert window.vehicles == vehicles.sum()
    assert window.mean_speed_km_per_h == pytest.approx(np.average(speeds, weights=vehicles))


def test_bikes_are_the_mean_of_three_states(city: City, truth: Truth) -> None:
    states = city.bikes.states(np.arange(AT_NOON, AT_NOON + 900, 300))
    assert truth.bikes("velo-002", NOON).mean_bikes == pytest.approx(states.bikes[1].mean())


def test_passages_are_the_first_snapshots_of_a_bus_at_a_stop(city: City, truth: Truth) -> None:
    seen: dict[int, int] = {}
    rank = 6
    for time in range(AT_NOON - 2 * HOUR, AT_NOON + HOUR, 30):
        s = city.buses.snapshot(time)
        for trip in s.trips[(s.statuses == STOPPED_AT) & (s.ranks == rank)].tolist():
            known = city.buses.day(date(2026, 7, 14)).trips[trip]
            if (known.line.id, known.direction) == ("L02", 1):
                seen.setdefault(trip, time)
    times = sorted(seen.values())
    gaps = [b - a for a, b in pairwise(times) if b >= AT_NOON]
    hour = truth.headways("L02", 1, "L02-1-07", NOON)
    assert hour.passages == sum(t >= AT_NOON for t in times) > 1
    assert hour.headways == len(gaps)
    assert hour.mean_headway_seconds == pytest.approx(np.mean(gaps))


def test_buses_that_bunch_make_passengers_wait(truth: Truth) -> None:
    last_stops = {line.id: line.stop_id(0, line.stops - 1) for line in truth._city.buses.lines}
    regular, bunched = (truth.headways(line, 0, last_stops[line], NOON) for line in ("L01", "L02"))
    assert regular.bunched == 0
    assert bunched.bunched > 0
    assert bunched.excess_wait_seconds is not None
    assert regular.excess_wait_seconds is not None
    assert bunched.excess_wait_seconds > regular.excess_wait_seconds + 60


def test_no_headway_spans_the_night(truth: Truth) -> None:
    first = truth.headways("L01", 0, "L01-0-01", NOON.replace(hour=3))
    assert first.passages == first.headways + 1
    assert truth.headways("L01", 0, "L01-0-01", NOON.replace(hour=1)).passages == 0


def test_heat_in_the_country_is_none_and_at_night_in_the_city_some(city: City, truth: Truth) -> None:
    night = NOON.replace(hour=23)
    rural = [name for name, is_rural in zip(city.weather.ids, city.weather.is_rural, strict=True) if is_rural]
    assert all(truth.heat_intensity(name, night) == 0 for name in rural)
    assert max(truth.heat_intensity(name, night) for name in city.weather.ids) > 2


def test_intensity_is_what_is_left_when_height_is_taken_away(city: City, truth: Truth) -> None:
    rural = city.weather.ids[int(np.flatnonzero(city.weather.is_rural)[0])]
    for name in city.weather.ids:
        z, z_rural = (city.weather.elevation_m[city.weather.ids.index(n)] for n in (name, rural))
        difference = truth.mean_temperature(name, NOON) - truth.mean_temperature(rural, NOON) + 0.0065 * (z - z_rural)
        assert truth.heat_intensity(name, NOON) == pytest.approx(difference)


def test_a_night_is_as_warm_as_its_coldest_hour(truth: Truth) -> None:
    night = truth.night("meteo-1", date(2026, 7, 14))
    hours = [NOON.replace(hour=18) + timedelta(hours=n) for n in range(12)]
    assert night.min_celsius <= min(truth.mean_temperature("meteo-1", h) for h in hours)
    assert night.is_tropical == (night.min_celsius >= 20)
    assert night.mean_intensity == pytest.approx(np.mean([truth.heat_intensity("meteo-1", h) for h in hours]))


def test_counts_are_those_of_all_answers(city: City, truth: Truth) -> None:
    faults = Faults(duplicate_rate=0.02, broken_rate=0.02)
    found = truth.counts(NOON, NOON + timedelta(hours=1), faults)
    buses = offer_of(city).buses
    answers = [buses.answer(t, faults).counts for t in range(AT_NOON, AT_NOON + HOUR, 30)]
    assert found["vehicle_position"].good == sum(a.good for a in answers) == 120 * SMALL.buses
    assert found["vehicle_position"].broken == sum(a.broken for a in answers) > 0
    assert found["weather_observed"].good == 4 * (SMALL.weather_radio + SMALL.weather_portal)
    assert found["traffic_flow_observed"].good == 60 * SMALL.segments


def test_an_entity_that_is_not_there_and_a_time_without_zone_are_refused(truth: Truth) -> None:
    with pytest.raises(KeyError):
        truth.parking("PR-999", NOON)
    with pytest.raises(ValueError, match="time zone"):
        truth.traffic("troncon-0001", NOON.replace(tzinfo=None))
