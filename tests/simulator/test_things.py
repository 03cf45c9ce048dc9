"""What stands and moves in a city: the same for everybody who asks, and consistent in itself."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime

import numpy as np
import pytest

from simulator.buses import NO_TRIP, STOPPED_AT
from simulator.city import City
from simulator.local_time import DAY, HOUR, hours_of_day, local_midnight
from simulator.sizes import DEMO, SMALL, CitySize, at_rate
from simulator.timetable import service_start

NOON = int(datetime(2026, 7, 14, 12, tzinfo=UTC).timestamp())
MIDNIGHT = NOON - DAY // 2


@pytest.fixture(scope="module")
def city() -> City:
    return City(5, SMALL)


def test_the_same_seed_is_the_same_city(city: City) -> None:
    again, times = City(5, SMALL), np.arange(NOON, NOON + HOUR, 60)
    assert np.array_equal(city.parking.occupied(times), again.parking.occupied(times))
    assert np.array_equal(city.traffic.states(times).vehicles, again.traffic.states(times).vehicles)
    assert np.array_equal(city.spots.messages(NOON, NOON + HOUR).times, again.spots.messages(NOON, NOON + HOUR).times)
    assert np.array_equal(city.buses.snapshot(NOON).lat, again.buses.snapshot(NOON).lat)
    assert np.array_equal(
        city.weather.readings(times).temperature_celsius, again.weather.readings(times).temperature_celsius
    )


@pytest.mark.parametrize("other", [City(6, SMALL), City(5, SMALL, "blagnac"), City(5, SMALL, "elsewhere")])
def test_another_seed_or_tenant_is_another_city(city: City, other: City) -> None:
    times = np.arange(NOON, NOON + HOUR, 60)
    assert not np.array_equal(city.parking.occupied(times), other.parking.occupied(times))
    assert not np.array_equal(city.weather.places.lat, other.weather.places.lat)


def test_cars_in_a_car_park_are_those_before_and_who_came_less_who_left(city: City) -> None:
    times = np.arange(MIDNIGHT, MIDNIGHT + DAY, 60)
    states = city.parking.states(times)
    assert np.array_equal(np.diff(states.occupied), (states.arrivals - states.departures)[:, 1:])
    assert min(states.occupied.min(), states.arrivals.min(), states.departures.min()) >= 0
    assert states.arrivals.sum() > 0


def test_one_car_park_in_ten_is_over_its_capacity_at_times() -> None:
    parking = City(5, DEMO).parking
    tuesday = MIDNIGHT
    over = parking.occupied(np.arange(tuesday, tuesday + DAY, 600)) > parking.capacity[:, None]
    assert 1 <= over.any(axis=1).sum() <= parking.count // 5
    assert not over.all(axis=1).any()


def test_bikes_and_docks_and_what_is_out_of_order_make_up_the_capacity(city: City) -> None:
    s = city.bikes.states(np.arange(MIDNIGHT, MIDNIGHT + DAY, 300))
    assert np.array_equal(
        s.bikes + s.docks + s.bikes_disabled + s.docks_disabled,
        np.broadcast_to(city.bikes.capacity[:, None], s.bikes.shape),
    )
    assert min(s.bikes.min(), s.docks.min()) >= 0


def test_roads_are_slower_and_fuller_in_the_rush_hour() -> None:
    traffic = City(5, DEMO).traffic
    night, rush = (traffic.states(np.arange(MIDNIGHT + h * HOUR, MIDNIGHT + (h + 1) * HOUR, 60)) for h in (1, 16))
    assert rush.vehicles.sum() > 5 * night.vehicles.sum()
    assert rush.speed_tenths.mean() < 0.95 * night.speed_tenths.mean()
    assert rush.occupancy_tenths.max() <= 1000


class TestSpots:
    def test_a_space_fills_and_empties_in_turn_and_says_for_how_long(self, city: City) -> None:
        said = city.spots.messages(MIDNIGHT, MIDNIGHT + 2 * DAY)
        for spot in (0, 17, 39):
            changes = (said.spots == spot) & said.is_change
            times, occupied = said.times[changes], said.occupied[changes]
            assert len(times) > 8
            assert (occupied[1:] != occupied[:-1]).all()
            assert np.array_equal(said.previous_seconds[changes][1:], np.diff(times))
            assert (said.since_seconds[changes] == 0).all()

    def test_a_heartbeat_says_what_the_last_change_said(self, city: City) -> None:
        said = city.spots.messages(MIDNIGHT, MIDNIGHT + 2 * DAY)
        here = said.spots == 3
        last = np.maximum.accumulate(np.where(said.is_change[here], np.arange(here.sum()), -1))
        known = last >= 0
        assert np.array_equal(said.occupied[here][known], said.occupied[here][last[known]])
        assert np.array_equal(said.since_seconds[here][known], said.times[here][known] - said.times[here][last[known]])

    def test_every_space_is_heard_every_twenty_minutes(self, city: City) -> None:
        said = city.spots.messages(MIDNIGHT, MIDNIGHT + DAY)
        for spot in range(SMALL.spots):
            assert np.diff(said.times[said.spots == spot]).max() <= 1200

    def test_no_space_says_two_things_in_one_second(self, city: City) -> None:
        said = city.spots.messages(MIDNIGHT, MIDNIGHT + DAY)
        assert len(set(zip(said.spots.tolist(), said.times.tolist(), strict=True))) == len(said.times)

    def test_parts_of_the_time_say_together_what_the_whole_says(self, city: City) -> None:
        cut = MIDNIGHT + DAY - 777
        whole = city.spots.messages(cut - HOUR, cut + HOUR)
        parts = city.spots.messages(cut - HOUR, cut), city.spots.messages(cut, cut + HOUR)
        for field in dataclasses.fields(whole):
            joined = np.concatenate([getattr(p, field.name) for p in parts])
            assert np.array_equal(getattr(whole, field.name), joined), field.name

    def test_a_zone_has_its_spaces_in_streets(self) -> None:
        spots = City(5, DEMO).spots
        assert spots.zone_spaces.sum() == spots.count
        streets = {s: int(n) for s, n in zip(spots.site_ids, spots.site_spaces, strict=True)}
        assert sum(streets.values()) == spots.count
        assert spots.site_ids.count("zone-01-rue-1") == streets["zone-01-rue-1"]


class TestBuses:
    def test_every_bus_is_seen_standing_at_every_stop_of_its_trips(self, city: City) -> None:
        day = city.buses.day(date(2026, 7, 14))
        seen: set[tuple[int, int]] = set()
        for time in range(day.start, day.start + DAY, city.buses.step):
            s = city.buses.snapshot(time)
            at_stop = s.statuses == STOPPED_AT
            seen |= set(zip(s.trips[at_stop].tolist(), s.ranks[at_stop].tolist(), strict=True))
        assert seen == set(zip(day.trip.tolist(), day.rank.tolist(), strict=True))

    def test_a_bus_is_on_one_trip_at_a_time(self, city: City) -> None:
        day = city.buses.day(date(2026, 7, 14))
        assert (np.diff(day.sorted_keys) > 0).all()
        assert day.is_arrival[::2].all()
        assert not day.is_arrival[1::2].any()

    def test_nobody_reports_at_night_and_everybody_at_noon(self, city: City) -> None:
        assert len(city.buses.snapshot(MIDNIGHT + 1 * HOUR).buses) == 0
        assert len(city.buses.snapshot(NOON).buses) == SMALL.buses

    def test_a_bus_moves_no_faster_than_it_says(self, city: City) -> None:
        before, after = city.buses.snapshot(NOON), city.buses.snapshot(NOON + 30)
        moving = (before.trips == after.trips) & (before.trips != NO_TRIP)
        metres = 111_320 * np.hypot(after.lat - before.lat, (after.lon - before.lon) * np.cos(np.radians(43.6)))
        assert moving.any()
        assert (metres[moving] <= 30 * 12).all()

    def test_the_buses_of_every_fourth_line_bunch_and_those_of_the_others_do_not(self) -> None:
        buses = City(5, DEMO).buses
        for line in buses.lines[:8]:
            runs = line.runs(0, date(2026, 7, 14))
            gaps = np.diff(runs.arrivals[:, -1])
            assert ((gaps < line.headway / 4).mean() > 0.4) == line.bunches, line.id


class TestWeather:
    def test_the_countryside_has_no_heat_island(self, city: City) -> None:
        intensity = city.weather.intensity_celsius(np.arange(MIDNIGHT, MIDNIGHT + DAY, 900))
        assert (intensity[city.weather.is_rural] == 0).all()
        assert city.weather.is_rural.sum() >= 5

    def test_the_city_is_warmest_against_the_country_at_night(self) -> None:
        weather = City(5, DEMO).weather
        intensity = weather.intensity_celsius(np.arange(MIDNIGHT, MIDNIGHT + DAY, HOUR))
        hottest = hours_of_day(np.array([MIDNIGHT + HOUR * int(intensity.mean(axis=0).argmax())]))[0]
        assert hottest < 6 or hottest > 21
        assert 3 < intensity.max() <= 5

    def test_height_cools_by_6_5_k_a_kilometre(self, city: City) -> None:
        w, times = city.weather, np.array([NOON])
        flat = w.temperature_celsius(times)[:, 0] + 0.0065 * (w.elevation_m - 150) - w.intensity_celsius(times)[:, 0]
        assert np.ptp(flat) < 1e-9

    def test_the_sensors_are_close_to_the_truth_and_not_on_it(self, city: City) -> None:
        times = np.arange(MIDNIGHT, MIDNIGHT + DAY, 900)
        error = city.weather.readings(times).temperature_celsius - city.weather.temperature_celsius(times)
        assert 0.02 < error.std() < 0.04
        assert np.abs(error).max() < 0.11


@pytest.mark.parametrize(
    ("day", "length"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 7, 14), 24)]
)
def test_service_days_begin_twelve_hours_before_noon_whatever_the_clocks_do(day: date, length: int) -> None:
    assert service_start(day) - local_midnight(day) == (length - 24) * HOUR


def test_a_period_that_does_not_divide_an_hour_is_refused() -> None:
    with pytest.raises(ValueError, match="divide an hour"):
        dataclasses.replace(SMALL, bus_seconds=70)


@pytest.mark.parametrize("rate", [500.0, 2000.0])
def test_a_city_by_rate_brings_about_that_many_events_a_second(rate: float) -> None:
    assert _events_per_second(at_rate(rate)) == pytest.approx(rate, rel=0.05)


def test_a_rate_out_of_reach_is_refused() -> None:
    with pytest.raises(ValueError, match="between 100 and"):
        at_rate(10)


def _events_per_second(size: CitySize) -> float:
    return (
        (size.weather_radio + size.weather_portal) / size.weather_seconds
        + (size.parking_record + size.parking_table) / size.parking_seconds
        + size.spots / size.spot_heartbeat_seconds
        + size.segments / size.traffic_seconds
        + size.buses / size.bus_seconds
        + (size.bikes_v3 + size.bikes_v2) / size.bike_seconds
    )
