"""Car parks in DATEX II: one source for each dialect."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simulator.chance import Ints
from simulator.parking import ParkingSites
from simulator.payloads import datex2
from simulator.payloads.datex2 import Site, Status
from simulator.source import Snapshots


class ParkingDialect(Snapshots):
    """The car parks that speak one dialect."""

    event = "parking_observed"
    content_type = "application/xml; charset=utf-8"

    def __init__(self, sites: ParkingSites, first: int, end: int) -> None:
        self.period = sites.step
        self._sites = sites
        self._numbers = np.arange(first, end)

    def entities(self, time: int) -> Ints:  # noqa: ARG002 - every car park reports at every step
        """The car parks."""
        return self._numbers

    def statuses(self, time: int, twice: Ints, broken: Ints) -> list[Status]:
        """Their states, with what is wrong."""
        sites, states = self._sites, self._sites.states(np.full(1, time))
        rows = [
            Status(
                id=sites.ids[n],
                capacity=int(sites.capacity[n]),
                occupied=str(states.occupied[n, 0]),
                free=max(int(sites.capacity[n] - states.occupied[n, 0]), 0),
                arrivals=int(states.arrivals[n, 0]),
                departures=int(states.departures[n, 0]),
            )
            for n in self._numbers.tolist()
        ]
        return [
            *rows,
            *(rows[n] for n in twice),
            *(replace(rows[n], id=f"defaut-{n}", occupied="plein") for n in broken),
        ]

    def described(self) -> list[Site]:
        """The car parks themselves."""
        s = self._sites
        columns = (s.capacity, s.places.lat, s.places.lon)
        capacity, lat, lon = (c.tolist() for c in columns)
        return [Site(s.ids[n], s.names[n], s.zone_ids[n], capacity[n], lat[n], lon[n]) for n in self._numbers.tolist()]


class RecordParking(ParkingDialect):
    """The car parks that speak of parking records."""

    name = "parking_record"

    def __init__(self, sites: ParkingSites) -> None:
        super().__init__(sites, 0, sites.record)

    def payload(self, time: int, twice: Ints, broken: Ints) -> bytes:
        """A parkingStatusPublication."""
        return datex2.record_statuses(self.statuses(time, twice, broken), time, self.period)

    def sites(self, time: int) -> bytes:
        """A parkingTablePublication."""
        return datex2.record_sites(self.described(), time)


class TableParking(ParkingDialect):
    """The car parks that speak of facility tables."""

    name = "parking_table"

    def __init__(self, sites: ParkingSites) -> None:
        super().__init__(sites, sites.record, sites.count)

    def payload(self, time: int, twice: Ints, broken: Ints) -> bytes:
        """A parkingFacilityTableStatusPublication."""
        return datex2.table_statuses(self.statuses(time, twice, broken), time)

    def sites(self, time: int) -> bytes:
        """A parkingFacilityTablePublication."""
        return datex2.table_facilities(self.described(), time)
