"""The bus fleet in GTFS-Realtime, and its timetable in GTFS."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache

from simulator.buses import Buses, BusStates
from simulator.chance import Ints
from simulator.local_time import local_date
from simulator.payloads import gtfs_rt, gtfs_static
from simulator.source import Snapshots

_DAYS_BEFORE, _DAYS_AFTER = 7, 60


class BusPositions(Snapshots):
    """Where the buses in service are."""

    name = "buses"
    event = "vehicle_position"
    content_type = "application/x-protobuf"

    def __init__(self, buses: Buses) -> None:
        self.period = buses.step
        self._buses = buses
        self._states = lru_cache(maxsize=2)(buses.snapshot)

    def entities(self, time: int) -> Ints:
        """The buses in service."""
        return self._snapshot(time).buses

    def payload(self, time: int, twice: Ints, broken: Ints) -> bytes:
        """A feed of vehicle positions."""
        return gtfs_rt.vehicle_positions(self._buses, self._snapshot(time), time, twice, broken)

    def timetable(self, time: int) -> bytes:
        """A GTFS zip for the weeks around a time."""
        day = local_date(time)
        return gtfs_static.timetable(self._buses, day - timedelta(days=_DAYS_BEFORE), day + timedelta(days=_DAYS_AFTER))

    def _snapshot(self, time: int) -> BusStates:
        return self._states(time)
