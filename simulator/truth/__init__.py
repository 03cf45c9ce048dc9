"""What is true in a city, computed without any pipeline: the answers that a pipeline's figures are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from simulator.city import City
from simulator.faults import NONE, Faults
from simulator.offer import offer_of
from simulator.source import Counts
from simulator.truth.bikes import BikeTruth, BikeWindows
from simulator.truth.heat import HeatHours, Night
from simulator.truth.parking import ParkingTruth, SiteWindows
from simulator.truth.spots import ZoneWindows
from simulator.truth.traffic import TrafficTruth, TrafficWindows
from simulator.truth.transit import HeadwayTruth, Passages


class Truth:
    """The true figures of a city, by the entities' names and the start of a window (aware).

    Every method raises `KeyError` for an entity that the city does not have.
    """

    def __init__(self, city: City) -> None:
        self._city = city
        self._heat = HeatHours(city.weather)
        self._sites = SiteWindows(city.parking)
        self._zones = ZoneWindows(city.spots)
        self._traffic = TrafficWindows(city.traffic)
        self._passages = Passages(city.buses)
        self._bikes = BikeWindows(city.bikes)

    def heat_intensity(self, station: str, hour: datetime) -> float:
        """Mean of an hour's true intensity (K): station minus rural reference, without the sensors' noise."""
        return self._heat.intensity(station, _seconds(hour))

    def mean_temperature(self, station: str, hour: datetime) -> float:
        """Mean of an hour's true temperature (°C), without the sensors' noise."""
        return self._heat.temperature(station, _seconds(hour))

    def night(self, station: str, evening: date) -> Night:
        """The night that begins in that evening, 18:00 to 06:00 UTC."""
        return self._heat.night(station, evening)

    def parking(self, area: str, start: datetime) -> ParkingTruth:
        """Five minutes of a car park or of a zone of single spaces."""
        windows = self._zones if area in self._zones else self._sites
        return windows.window(area, _seconds(start))

    def traffic(self, segment: str, start: datetime) -> TrafficTruth:
        """Five minutes of a road segment."""
        return self._traffic.window(segment, _seconds(start))

    def headways(self, line: str, direction: int, stop: str, hour: datetime) -> HeadwayTruth:
        """An hour of a line at a stop."""
        return self._passages.hour(line, direction, stop, _seconds(hour))

    def bikes(self, station: str, start: datetime) -> BikeTruth:
        """Fifteen minutes of a bike station."""
        return self._bikes.window(station, _seconds(start))

    def counts(self, start: datetime, end: datetime, faults: Faults = NONE) -> Mapping[str, Counts]:
        """How many records each event has from start to end (exclusive; whole hours), by event time."""
        offer = offer_of(self._city)
        found: dict[str, Counts] = {}
        for name, counts in offer.counts(_seconds(start), _seconds(end), faults).items():
            event = offer.all[name]
            found[event] = found.get(event, Counts()) + counts
        return found


def _seconds(time: datetime) -> int:
    if time.tzinfo is None:
        raise ValueError(f"{time} has no time zone")
    return int(time.timestamp())
