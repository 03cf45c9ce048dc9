"""Buses: where each one is at any moment, for a snapshot of the fleet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from simulator.chance import Floats, Ints, key
from simulator.local_time import local_date
from simulator.places import KM_PER_DEGREE, centre
from simulator.sizes import CitySize
from simulator.timetable import Line, service_start

IN_TRANSIT_TO, STOPPED_AT, INCOMING_AT = 2, 1, 0  # as GTFS-Realtime numbers them
NO_TRIP = -1
_INCOMING_SECONDS = 20
_BITS = 32


@dataclass(frozen=True)
class Trip:
    """A trip of the timetable on a service day."""

    line: Line
    direction: int
    id: str


@dataclass(frozen=True)
class BusStates:
    """The buses that report at one moment."""

    buses: Ints
    trips: Ints  # index into the day's trips, or NO_TRIP during the layover
    ranks: Ints  # of the stop the status refers to, from 0
    statuses: Ints
    lat: Floats
    lon: Floats
    bearing_degrees: Floats
    speed_m_per_s: Floats


@dataclass(frozen=True)
class ServiceDay:
    """All trips of a local day, and every arrival and departure, sorted by bus and time."""

    start: int
    trips: tuple[Trip, ...]
    sorted_keys: Ints
    trip: Ints  # of each arrival or departure
    rank: Ints
    is_arrival: NDArray[np.bool_]
    times: Ints
    lat: Floats
    lon: Floats
    scheduled: Ints
    first: Ints  # of each bus: when it starts and when it ends
    last: Ints


class Buses:
    """The bus fleet of a city."""

    def __init__(self, seed: int, tenant: str, size: CitySize) -> None:
        self.step = size.bus_seconds
        self.count = size.lines * size.buses_per_line
        self.ids = [f"bus-{n + 1:04d}" for n in range(self.count)]
        self.is_all_day = (size.bus_first_hour, size.bus_last_hour) == (0, 24)
        self._size = size
        self._middle = centre(tenant)
        self._key = key(seed, tenant, "buses")
        self.day = lru_cache(maxsize=4)(self._service_day)

    @cached_property
    def lines(self) -> list[Line]:
        """The lines of the network."""
        hours = (self._size.bus_first_hour, self._size.bus_last_hour)
        return [Line(self._key, n, self._middle, self._size.buses_per_line, hours) for n in range(self._size.lines)]

    def snapshot(self, time: int) -> BusStates:
        """Where the buses are; those not in service do not report."""
        day = self.day(local_date(time))
        buses = np.arange(self.count)
        if not self.is_all_day:
            buses = buses[(time >= day.first) & (time <= day.last)]
        at = np.searchsorted(day.sorted_keys, _keys(day.start, buses, np.full(1, time)), side="right") - 1
        return _states(day, buses, at.clip(0), time)

    def _service_day(self, of: date) -> ServiceDay:
        trips: list[Trip] = []
        columns: list[NDArray[np.float64]] = []
        for line in self.lines:
            for direction in (0, 1):
                columns.append(_arrivals_and_departures(line, direction, of, len(trips)))
                trips += [
                    Trip(line, direction, line.trip_id(direction, n)) for n in range(len(line.schedule(direction)))
                ]
        bus, time, trip, rank, is_arrival, lat, lon, scheduled = np.concatenate(columns, axis=1)
        start = service_start(of)
        keys = _keys(start, bus.astype(np.int64), time.astype(np.int64))
        order = np.argsort(keys, kind="stable")
        times, buses = time[order].astype(np.int64), bus[order].astype(np.int64)
        edges = np.searchsorted(buses, np.arange(self.count + 1))
        return ServiceDay(
            start=start,
            trips=tuple(trips),
            sorted_keys=keys[order],
            trip=trip[order].astype(np.int64),
            rank=rank[order].astype(np.int64),
            is_arrival=is_arrival[order] > 0,
            times=times,
            lat=lat[order],
            lon=lon[order],
            scheduled=scheduled[order].astype(np.int64),
            first=times[edges[:-1]],
            last=times[edges[1:] - 1],
        )


def _arrivals_and_departures(line: Line, direction: int, day: date, first_trip: int) -> NDArray[np.float64]:
    runs = line.runs(direction, day)
    shape = runs.arrivals.shape
    rank = np.broadcast_to(np.arange(shape[1]), shape)
    lat, lon = line.place(direction, rank)
    bus = np.broadcast_to((line.number * line.buses + runs.vehicles)[:, None], shape)
    trip = np.broadcast_to(first_trip + np.arange(shape[0])[:, None], shape)
    both = [
        [bus, times, trip, rank, np.full(shape, float(is_arrival)), lat, lon, runs.scheduled]
        for is_arrival, times in ((True, runs.arrivals), (False, runs.departures))
    ]
    return np.concatenate([np.array([c.ravel() for c in columns], dtype=np.float64) for columns in both], axis=1)


def _states(day: ServiceDay, buses: Ints, at: Ints, time: int) -> BusStates:
    """The states of buses whose last arrival or departure is the `at`-th of the day."""
    to = np.minimum(at + 1, len(day.times) - 1)
    begun = day.times[at] <= time
    stopped = begun & day.is_arrival[at]
    moving = begun & ~stopped & (day.trip[at] == day.trip[to]) & (to > at)
    passed = np.where(moving, (time - day.times[at]) / np.maximum(day.times[to] - day.times[at], 1), 0.0)
    north, east = day.lat[to] - day.lat[at], (day.lon[to] - day.lon[at]) * np.cos(np.radians(day.lat[at]))
    metres = 1000 * KM_PER_DEGREE * np.hypot(north, east)
    incoming = moving & (day.times[to] - time <= _INCOMING_SECONDS)
    return BusStates(
        buses=buses,
        trips=np.where(stopped | moving, day.trip[at], NO_TRIP),
        ranks=np.where(stopped, day.rank[at], day.rank[to]),
        statuses=np.where(stopped, STOPPED_AT, np.where(incoming, INCOMING_AT, IN_TRANSIT_TO)),
        lat=day.lat[at] + passed * (day.lat[to] - day.lat[at]),
        lon=day.lon[at] + passed * (day.lon[to] - day.lon[at]),
        bearing_degrees=np.degrees(np.arctan2(east, north)) % 360,
        speed_m_per_s=np.where(moving, metres / np.maximum(day.times[to] - day.times[at], 1), 0.0),
    )


def _keys(day_start: int, buses: Ints, times: Ints) -> Ints:
    return (buses << _BITS) + (times - day_start)
