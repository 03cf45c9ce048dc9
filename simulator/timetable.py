"""Bus lines: their stops, the timetable of a service day, and when the buses really came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np

from simulator.chance import Floats, Ints, key, uniform
from simulator.local_time import DAY, HOUR, local_midnight
from simulator.places import KM_PER_DEGREE, Places, at

DWELL = 30  # seconds at a stop at least, so that a snapshot every 30 s sees the bus there
_LONGER_DWELL = 20
_MIN_LAYOVER = 900
_BUNCHING = 0.85  # share of the headway by which every second bus of a bunching line is late at its last stop
_DIRECTIONS = 2


@dataclass(frozen=True)
class Runs:
    """The trips of one line and direction on one service day (trips × stops), in seconds since 1970."""

    direction: int
    vehicles: Ints  # of each trip, counted within the line
    scheduled: Ints  # arrivals by the timetable
    arrivals: Ints
    departures: Ints


class Line:
    """A bus line with as many buses as its timetable needs; on every fourth line the buses bunch."""

    def __init__(self, of: int, number: int, middle: tuple[float, float], buses: int, hours: tuple[int, int]) -> None:
        self.number = number
        self.id = f"L{number + 1:02d}"
        self.buses = buses
        self.bunches = number % 4 == 1
        self._middle = middle
        self._hours = hours
        self._key = key(of, "line", number)

    @cached_property
    def stops(self) -> int:
        """Stops in each direction: 14 to 18."""
        return 14 + int(5 * uniform(key(self._key, "stops"))[0])

    @cached_property
    def places(self) -> Places:
        """The stops of direction 0, from one side of the city through its centre to the other."""
        bearing = 2 * np.pi * uniform(key(self._key, "bearing"))[0]
        along = np.linspace(-1, 1, self.stops) * 0.25 * self.stops
        aside = 0.6 * np.sin(np.linspace(0, 2 * np.pi, self.stops))
        return at(self._middle, np.hypot(along, aside), bearing + np.arctan2(aside, along))

    @cached_property
    def distances_m(self) -> Floats:
        """Metres from each stop to the next in direction 0."""
        north = np.diff(self.places.lat) * KM_PER_DEGREE
        east = np.diff(self.places.lon) * KM_PER_DEGREE * np.cos(np.radians(self._middle[0]))
        return np.asarray(1000 * np.hypot(north, east), dtype=np.float64)

    @cached_property
    def running(self) -> Ints:
        """Seconds from stop to stop by the timetable, at 20 km/h and never under 75 s."""
        return np.maximum(self.distances_m / (20 / 3.6), 75).astype(np.int64)

    @cached_property
    def headway(self) -> int:
        """Seconds between departures, a multiple of 60."""
        trip = int(self.running.sum()) + DWELL * self.stops
        share = 2 * _BUNCHING / self.buses
        layover = max(_MIN_LAYOVER, (share * trip + 120) / (1 - share))
        return 60 * int(np.ceil(2 * (trip + layover) / self.buses / 60))

    def stop_id(self, direction: int, rank: int) -> str:
        """Name of the stop that is the rank-th, from 0, in a direction."""
        return f"{self.id}-{direction}-{rank + 1:02d}"

    def trip_id(self, direction: int, trip: int) -> str:
        """Name of a trip of the timetable; it is the same every day."""
        return f"{self.id}-{direction}-{trip + 1:03d}"

    def place(self, direction: int, rank: Ints) -> tuple[Floats, Floats]:
        """Latitude and longitude of stops; direction 1 serves the same places the other way round."""
        n = rank if direction == 0 else self.stops - 1 - rank
        return self.places.lat[n], self.places.lon[n]

    def schedule(self, direction: int) -> Ints:
        """Arrivals (trips × stops) in seconds since noon minus 12 h, as GTFS counts them."""
        first, last = self._hours
        running = self.running if direction == 0 else self.running[::-1]
        offsets = np.concatenate([[0], np.cumsum(running + DWELL)])
        latest = min(last * HOUR, DAY - int(offsets[-1]) - self.headway * self.buses // 2 - _MIN_LAYOVER)
        starts = np.arange(first * HOUR, latest, self.headway) + 60 * (self.number % 5)
        # A bus turns round after half a cycle, and a cycle is one headway for each bus.
        return np.asarray((starts + direction * (self.headway * self.buses // 2))[:, None] + offsets[None, :])

    def runs(self, direction: int, day: date) -> Runs:
        """The trips of a service day as they were driven."""
        schedule = self.schedule(direction)
        scheduled = service_start(day) + schedule
        trips, rank = np.arange(len(schedule)), np.arange(self.stops)
        seeds = (np.full((1, 1), day.toordinal() * _DIRECTIONS + direction), trips[:, None], rank[None, :])
        late = np.cumsum(-12 + 30 * uniform(key(self._key, "late"), *seeds), axis=1) + 12
        if self.bunches:
            late = late + (trips % 2)[:, None] * _BUNCHING * self.headway * rank[None, :] / (self.stops - 1)
        dwell = DWELL + (_LONGER_DWELL * uniform(key(self._key, "dwell"), *seeds)).astype(np.int64)
        arrivals = scheduled + late.astype(np.int64)
        return Runs(direction, trips % self.buses, scheduled, arrivals, arrivals + dwell)


def service_start(day: date) -> int:
    """Noon of a local day minus 12 h, in seconds since 1970: where GTFS counts a service day from."""
    return local_midnight(day) + _clock_change(day)


def _clock_change(day: date) -> int:
    length = local_midnight(date.fromordinal(day.toordinal() + 1)) - local_midnight(day)
    return length - DAY  # the clock is changed before noon
