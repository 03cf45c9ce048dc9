"""All that a city offers: its sources by the way they are served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simulator.city import City
from simulator.faults import Faults
from simulator.radio import RadioSource
from simulator.source import Counts, Snapshots
from simulator.sources.bikes import BikeOperator
from simulator.sources.buses import BusPositions
from simulator.sources.parking import RecordParking, TableParking
from simulator.sources.portal import PortalWeather
from simulator.sources.radio import RadioSpots, RadioWeather
from simulator.sources.traffic import TrafficDrops


@dataclass(frozen=True)
class Offer:
    """The sources of a city."""

    portal: PortalWeather
    record_parking: RecordParking
    table_parking: TableParking
    buses: BusPositions
    bikes: Mapping[str, BikeOperator]
    traffic: TrafficDrops
    radio: tuple[RadioSource, ...]

    @property
    def polled(self) -> tuple[Snapshots, ...]:
        """Those that wait to be asked."""
        return (self.portal, self.record_parking, self.table_parking, self.buses, *self.bikes.values())

    @property
    def all(self) -> Mapping[str, str]:
        """Every source and its event."""
        passive: tuple[Snapshots, ...] = (*self.polled, self.traffic)
        return {s.name: s.event for s in passive} | {s.name: s.event for s in self.radio}

    def counts(self, start: int, end: int, faults: Faults) -> Mapping[str, Counts]:
        """How much each source says of the time from start to end (exclusive), by event time; whole hours only."""
        said = {s.name: _sum(s, start, end, faults) for s in (*self.polled, self.traffic)}
        return said | {s.name: s.counts(start, end, faults) for s in self.radio}


def offer_of(city: City) -> Offer:
    """What a city offers."""
    operators = (BikeOperator(city.bikes, "3.0"), BikeOperator(city.bikes, "2.3"))
    return Offer(
        portal=PortalWeather(city.weather),
        record_parking=RecordParking(city.parking),
        table_parking=TableParking(city.parking),
        buses=BusPositions(city.buses),
        bikes={o.version: o for o in operators},
        traffic=TrafficDrops(city.traffic),
        radio=(RadioWeather(city.weather, city.tenant), RadioSpots(city.spots, city.tenant)),
    )


def _sum(source: Snapshots, start: int, end: int, faults: Faults) -> Counts:
    return sum((source.counts(time, faults) for time in source.times(start, end)), Counts())
