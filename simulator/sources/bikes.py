"""Bike stations of two operators, one with GBFS 3.0 and one with 2.3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from simulator.bikes import Bikes
from simulator.chance import Ints
from simulator.payloads import gbfs
from simulator.payloads.gbfs import Station, Status, Version
from simulator.source import Snapshots


class BikeOperator(Snapshots):
    """The stations of one operator."""

    event = "bike_station_observed"
    content_type = "application/json; charset=utf-8"

    def __init__(self, bikes: Bikes, version: Version) -> None:
        self.name = f"bikes_v{version[0]}"
        self.period = bikes.step
        self.version = version
        self._bikes = bikes
        self._numbers = np.arange(bikes.first) if version == "3.0" else np.arange(bikes.first, bikes.count)

    def entities(self, time: int) -> Ints:  # noqa: ARG002 - every station reports at every step
        """The operator's stations."""
        return self._numbers

    def payload(self, time: int, twice: Ints, broken: Ints) -> bytes:
        """station_status.json."""
        states = self._bikes.states(np.full(1, time))
        columns = (states.bikes, states.docks, states.bikes_disabled, states.docks_disabled)
        bikes, docks, bad_bikes, bad_docks = (c[:, 0].tolist() for c in columns)
        ids = self._bikes.ids
        rows = [Status(ids[n], bikes[n], docks[n], bad_bikes[n], bad_docks[n]) for n in self._numbers.tolist()]
        false = [replace(rows[n], id=f"defaut-{n}", bikes="beaucoup") for n in broken]
        return gbfs.station_status(self.version, [*rows, *(rows[n] for n in twice), *false], time, self.period)

    def stations(self, time: int) -> bytes:
        """station_information.json."""
        b = self._bikes
        capacity, lat, lon = (c.tolist() for c in (b.capacity, b.places.lat, b.places.lon))
        rows = [Station(b.ids[n], b.names[n], capacity[n], lat[n], lon[n]) for n in self._numbers.tolist()]
        return gbfs.station_information(self.version, rows, time)

    def discovery(self, addresses: Mapping[str, str], time: int) -> bytes:
        """gbfs.json."""
        return gbfs.discovery(self.version, addresses, time)
