"""True figures of road segments: segments and windows come in, vehicles and speed go out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simulator.traffic import Traffic, TrafficStates

WINDOW = 300


@dataclass(frozen=True)
class TrafficTruth:
    """Five minutes of a road segment."""

    vehicles: int
    mean_speed_km_per_h: float | None  # weighted by vehicles; None when there were none
    free_flow_speed_km_per_h: float


class TrafficWindows:
    """Windows of a city's road segments: the counting periods that start in them."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self._segment = {name: n for n, name in enumerate(traffic.ids)}
        self._states = lru_cache(maxsize=4)(self._states_of)

    def window(self, segment: str, start: int) -> TrafficTruth:
        """A window of one segment."""
        n, states = self._segment[segment], self._states(start)
        vehicles, speeds = states.vehicles[n], states.speed_tenths[n] / 10
        total = int(vehicles.sum())
        return TrafficTruth(
            vehicles=total,
            mean_speed_km_per_h=float((vehicles * speeds).sum() / total) if total else None,
            free_flow_speed_km_per_h=float(self._traffic.free_flow_km_per_h[n]),
        )

    def _states_of(self, start: int) -> TrafficStates:
        return self._traffic.states(np.arange(start, start + WINDOW, self._traffic.step))
