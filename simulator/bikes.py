"""Bike stations: bikes and docks of each at any step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulator.chance import Ints, key, smooth, uniform
from simulator.local_time import HOUR, hours_of_day
from simulator.places import Places, around, centre
from simulator.sizes import CitySize

_DAY_HOURS = (0, 6, 9, 12, 17, 20, 23)
_HOMES = (0.75, 0.78, 0.25, 0.20, 0.25, 0.60, 0.72)  # full at night
_WORK = (0.25, 0.22, 0.80, 0.85, 0.75, 0.40, 0.28)  # full by day


@dataclass(frozen=True)
class BikeStates:
    """Bike stations at given times (stations × times); bikes, docks and what is out of order make up the capacity."""

    bikes: Ints
    docks: Ints
    bikes_disabled: Ints
    docks_disabled: Ints


class Bikes:
    """The bike stations of a city; those of the first operator (GBFS 3.0), then those of the second (2.3)."""

    def __init__(self, seed: int, tenant: str, size: CitySize) -> None:
        self.step = size.bike_seconds
        self.first = size.bikes_v3
        self.count = size.bikes_v3 + size.bikes_v2
        self.numbers = np.arange(self.count)
        self.ids = [f"velo-{n + 1:03d}" for n in range(self.count)]
        self.names = [f"Station {n + 1}" for n in range(self.count)]
        self._middle = centre(tenant)
        self._key = key(seed, tenant, "bikes")

    @cached_property
    def places(self) -> Places:
        """Where the stations are, within 5 km of the centre."""
        return around(self._middle, key(self._key, "place"), self.count, 0.1, 5)

    @cached_property
    def capacity(self) -> Ints:
        """Docks of each station: 12 to 40."""
        return (12 + 29 * uniform(key(self._key, "capacity"), self.numbers)).astype(np.int64)

    def states(self, times: Ints) -> BikeStates:
        """Bikes and docks at these times."""
        hours = hours_of_day(times)
        curves = np.array([np.interp(hours, _DAY_HOURS, c, period=24) for c in (_HOMES, _WORK)])
        share = curves[self.numbers % 2] + 0.18 * smooth(key(self._key, "noise"), self.numbers, times, HOUR)
        broken = uniform(key(self._key, "broken"), self.numbers[:, None], times[None, :] // (6 * HOUR))
        bikes_disabled = (broken > 0.6).astype(np.int64)
        docks_disabled = (broken > 0.9).astype(np.int64)
        usable = self.capacity[:, None] - bikes_disabled - docks_disabled
        bikes = np.clip(np.rint(self.capacity[:, None] * share), 0, usable).astype(np.int64)
        return BikeStates(bikes, usable - bikes, bikes_disabled, docks_disabled)
