"""Road segments: vehicles, speed and occupancy of each in any counting period."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulator.chance import Floats, Ints, key, normal, poisson, smooth, uniform
from simulator.local_time import HOUR, hours_of_week
from simulator.places import Places, around, centre
from simulator.sizes import CitySize

_DAY_HOURS = (0, 4, 6, 7.5, 8.5, 10, 12, 14, 16.5, 18, 19.5, 22)
_WEEKDAY = (0.10, 0.05, 0.25, 0.90, 1.00, 0.60, 0.62, 0.58, 0.90, 1.00, 0.60, 0.25)
_WEEKEND = (0.18, 0.08, 0.06, 0.15, 0.25, 0.50, 0.62, 0.55, 0.60, 0.62, 0.50, 0.30)
_VEHICLE_M = 6.5  # length over a loop, its own included


@dataclass(frozen=True)
class TrafficStates:
    """Counting periods (segments × times), by their start, as published: tenths are whole numbers."""

    vehicles: Ints
    speed_tenths: Ints  # of km/h; no meaning where there are no vehicles
    occupancy_tenths: Ints  # of a percent


class Traffic:
    """The road segments of a city."""

    def __init__(self, seed: int, tenant: str, size: CitySize) -> None:
        self.step = size.traffic_seconds
        self.file_seconds = size.traffic_file_seconds
        self.count = size.segments
        self.numbers = np.arange(self.count)
        self.ids = [f"troncon-{n + 1:04d}" for n in range(self.count)]
        self._middle = centre(tenant)
        self._key = key(seed, tenant, "traffic")

    @cached_property
    def places(self) -> Places:
        """Middle of each segment, within 8 km of the centre."""
        return around(self._middle, key(self._key, "place"), self.count, 0.3, 8)

    @cached_property
    def free_flow_km_per_h(self) -> Ints:
        """Speed on the empty road: 30 to 110 km/h."""
        kinds = np.array([30, 50, 50, 70, 90, 110])
        return kinds[self.numbers % len(kinds)]

    @cached_property
    def lanes(self) -> Ints:
        """Lanes counted together: 1 to 3."""
        return np.array([1, 1, 2, 2, 2, 3])[self.numbers % 6]

    @cached_property
    def length_m(self) -> Ints:
        """Length of each segment: 120 to 1,500 m."""
        return (120 + 1380 * uniform(key(self._key, "length"), self.numbers)).astype(np.int64)

    @cached_property
    def peak_per_hour(self) -> Floats:
        """Vehicles an hour at the peak: 450 to 1,250 a lane; a third of the roads are at their limit then."""
        return self.lanes * (450 + 800 * uniform(key(self._key, "peak"), self.numbers))

    def states(self, times: Ints) -> TrafficStates:
        """What the loops count in the periods that start at these times."""
        week = hours_of_week(times)
        is_weekend = week >= 120
        curve = np.where(is_weekend, _curve(week, _WEEKEND), _curve(week, _WEEKDAY))
        swing = np.clip(1 + 0.12 * smooth(key(self._key, "swing"), self.numbers, times, HOUR), 0.5, 1.5)
        load = curve[None, :] * swing
        n, t = self.numbers[:, None], times[None, :]
        vehicles = poisson(key(self._key, "count"), self.peak_per_hour[:, None] * load * self.step / HOUR, n, t)
        saturation = self.peak_per_hour[:, None] / self.lanes[:, None] / 1100 * load
        slowing = 1 - 0.75 * np.clip(saturation, 0, 1.1) ** 3
        speed = self.free_flow_km_per_h[:, None] * (slowing * 0.97 + 0.03 * normal(key(self._key, "speed"), n, t))
        speed = np.maximum(speed, 4.0)
        covered = vehicles / self.lanes[:, None] * _VEHICLE_M / (speed / 3.6) / self.step
        return TrafficStates(vehicles, _tenths(speed), _tenths(100 * np.minimum(covered, 1)))


def _curve(hours_of_week: Floats, by_hour: tuple[float, ...]) -> Floats:
    return np.asarray(np.interp(hours_of_week % 24, _DAY_HOURS, by_hour, period=24), dtype=np.float64)


def _tenths(values: Floats) -> Ints:
    return np.rint(10 * values).astype(np.int64)
