"""True availability of bike stations: stations and windows come in, means and shares go out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simulator.bikes import Bikes, BikeStates

WINDOW = 900


@dataclass(frozen=True)
class BikeTruth:
    """Fifteen minutes of a bike station, over the states reported in them."""

    mean_bikes: float
    mean_docks: float
    bike_share: float  # of the states with a bike to take
    dock_share: float  # of the states with a dock to give back


class BikeWindows:
    """Windows of a city's bike stations."""

    def __init__(self, bikes: Bikes) -> None:
        self._bikes = bikes
        self._station = {name: n for n, name in enumerate(bikes.ids)}
        self._states = lru_cache(maxsize=4)(self._states_of)

    def window(self, station: str, start: int) -> BikeTruth:
        """A window of one station."""
        n, states = self._station[station], self._states(start)
        bikes, docks = states.bikes[n], states.docks[n]
        return BikeTruth(
            mean_bikes=float(bikes.mean()),
            mean_docks=float(docks.mean()),
            bike_share=float((bikes > 0).mean()),
            dock_share=float((docks > 0).mean()),
        )

    def _states_of(self, start: int) -> BikeStates:
        return self._bikes.states(np.arange(start, start + WINDOW, self._bikes.step))
