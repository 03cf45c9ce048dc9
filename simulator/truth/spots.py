"""True figures of parking zones with a sensor in each space: zones and windows come in, movements and stays go out."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from simulator.chance import Ints
from simulator.spots import SpotMessages, Spots
from simulator.truth.parking import WINDOW, ParkingTruth


class ZoneWindows:
    """Windows of a city's zones."""

    def __init__(self, spots: Spots) -> None:
        self._spots = spots
        self._zone = {name: n for n, name in enumerate(spots.zone_ids)}
        self._changes = lru_cache(maxsize=4)(self._changes_in)
        self._occupied = lru_cache(maxsize=4)(self._occupied_before)

    def __contains__(self, zone: str) -> bool:
        return zone in self._zone

    def window(self, zone: str, start: int) -> ParkingTruth:
        """A window of one zone; what happens at its end belongs to the next one."""
        n, changes = self._zone[zone], self._changes(start)
        here = changes.is_change & (self._spots.zone[changes.spots] == n)
        came, left = here & changes.occupied, here & ~changes.occupied
        occupied = int(self._occupied(start + WINDOW)[n])
        arrivals, departures = int(came.sum()), int(left.sum())
        return ParkingTruth(
            occupied=occupied,
            free=int(self._spots.zone_spaces[n]) - occupied,
            arrivals=arrivals,
            departures=departures,
            least_arrivals=arrivals,
            least_departures=departures,
            mean_stay_seconds=float(changes.previous_seconds[left].mean()) if departures else None,
        )

    def _changes_in(self, start: int) -> SpotMessages:
        return self._spots.messages(start, start + WINDOW)

    def _occupied_before(self, end: int) -> Ints:
        spots = self._spots
        occupied, _, _ = spots.state(spots.numbers, np.full(spots.count, end - 1))
        return np.bincount(spots.zone[occupied], minlength=spots.zones)
