"""True figures of car parks: sites and windows come in, vehicles inside and movements go out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simulator.parking import ParkingSites, ParkingStates

WINDOW = 300


@dataclass(frozen=True)
class ParkingTruth:
    """Five minutes of a car park or zone."""

    occupied: int  # at the last count in the window
    free: int
    arrivals: int
    departures: int
    least_arrivals: int  # what the changes from one count to the next show of them
    least_departures: int
    mean_stay_seconds: float | None = None  # of those who left; known of single spaces alone


class SiteWindows:
    """Windows of a city's car parks."""

    def __init__(self, sites: ParkingSites) -> None:
        self._sites = sites
        self._site = {name: n for n, name in enumerate(sites.ids)}
        self._states = lru_cache(maxsize=4)(self._states_of)

    def window(self, site: str, start: int) -> ParkingTruth:
        """A window of one car park; a movement belongs to the window in which its counting interval ends."""
        n, states = self._site[site], self._states(start)
        occupied = int(states.occupied[n, -1])
        change = (states.arrivals - states.departures)[n]
        return ParkingTruth(
            occupied=occupied,
            free=max(int(self._sites.capacity[n]) - occupied, 0),
            arrivals=int(states.arrivals[n].sum()),
            departures=int(states.departures[n].sum()),
            least_arrivals=int(np.maximum(change, 0).sum()),
            least_departures=int(np.maximum(-change, 0).sum()),
        )

    def _states_of(self, start: int) -> ParkingStates:
        return self._sites.states(np.arange(start, start + WINDOW, self._sites.step))
