"""Car parks: how full each one is at any step, and who came and went since the step before."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulator.chance import Floats, Ints, key, poisson, smooth, uniform
from simulator.local_time import HOUR, hours_of_week
from simulator.places import Places, around, centre
from simulator.sizes import CitySize

_DAY_HOURS = (0, 5, 7, 9, 11, 12.5, 14, 16, 18, 20, 22)
#: Share of the spaces in use by local hour, for the three ways a car park is used.
_COMMUTERS = (0.08, 0.06, 0.25, 0.85, 0.95, 0.90, 0.95, 0.90, 0.45, 0.20, 0.12)
_SHOPPERS = (0.10, 0.08, 0.12, 0.35, 0.80, 0.70, 0.85, 0.92, 0.90, 0.50, 0.20)
_RESIDENTS = (0.92, 0.94, 0.85, 0.55, 0.45, 0.50, 0.45, 0.50, 0.70, 0.88, 0.92)
_USES = (_COMMUTERS, _SHOPPERS, _RESIDENTS)
_WEEKEND = (0.35, 1.1, 1.0)
_ZONES = 6


@dataclass(frozen=True)
class ParkingStates:
    """Car parks at given times (sites × times); movements are those of the step that ends at the time."""

    occupied: Ints
    arrivals: Ints
    departures: Ints


class ParkingSites:
    """The car parks of a city; those that speak of parking records first, those of facility tables after them."""

    def __init__(self, seed: int, tenant: str, size: CitySize) -> None:
        self.step = size.parking_seconds
        self.record = size.parking_record
        self.count = size.parking_record + size.parking_table
        self.numbers = np.arange(self.count)
        self.ids = [f"PR-{n + 1:03d}" if n < self.record else f"PT-{n + 1:03d}" for n in range(self.count)]
        self.names = [f"Parking {n + 1}" for n in range(self.count)]
        self.zone_ids = [f"secteur-{n % _ZONES + 1}" for n in range(self.count)]
        self._middle = centre(tenant)
        self._key = key(seed, tenant, "parking")

    @cached_property
    def places(self) -> Places:
        """Where the car parks are, within 4 km of the centre."""
        return around(self._middle, key(self._key, "place"), self.count, 0.1, 4)

    @cached_property
    def capacity(self) -> Ints:
        """Spaces of each car park, 60 to 1,200."""
        return (60 + 1140 * uniform(key(self._key, "capacity"), self.numbers) ** 2).astype(np.int64)

    @cached_property
    def peak(self) -> Floats:
        """How full a car park gets when it is fullest; every tenth one lets in more cars than it has spaces for."""
        usual = 0.75 + 0.22 * uniform(key(self._key, "peak"), self.numbers)
        return np.where(self.numbers % 10 == 3, 1.08, usual)

    def occupied(self, times: Ints) -> Ints:
        """Vehicles inside (sites × times); may exceed the capacity."""
        week = hours_of_week(times)
        curves = np.array([_week_curve(week, use) for use in range(len(_USES))])
        noise = 0.02 * smooth(key(self._key, "noise"), self.numbers, times, HOUR)
        share = curves[self.numbers % len(_USES)] * self.peak[:, None] + noise
        return np.rint(self.capacity[:, None] * np.clip(share, 0, None)).astype(np.int64)

    def states(self, times: Ints) -> ParkingStates:
        """What the car parks count at these times, which are multiples of the step."""
        both = self.occupied(np.concatenate([times - self.step, times]))
        before, now = both[:, : len(times)], both[:, len(times) :]
        # Some cars leave as others come: the same number both ways, and never more than were there.
        busy = self.capacity[:, None] * self.step / HOUR * 0.15
        passing = poisson(key(self._key, "passing"), busy, self.numbers[:, None], times[None, :])
        passing = np.minimum(passing, np.minimum(before, now))
        change = now - before
        return ParkingStates(now, np.maximum(change, 0) + passing, np.maximum(-change, 0) + passing)


def _week_curve(hours_of_week: Floats, use: int) -> Floats:
    day = np.interp(hours_of_week % 24, _DAY_HOURS, _USES[use], period=24)
    # The weekend fades in and out between 2 h and 6 h, so that nothing jumps at midnight.
    weekend = np.interp(hours_of_week, (0, 2, 6, 122, 126, 168), (1, 1, 0, 0, 1, 1))
    return np.asarray(np.clip(day * (1 + weekend * (_WEEKEND[use] - 1)), 0, 1), dtype=np.float64)
