"""A simulated city: a seed, a size and a tenant come in; whatever stands or moves in it goes out, for any time."""

from __future__ import annotations

from functools import cached_property

from simulator.bikes import Bikes
from simulator.buses import Buses
from simulator.parking import ParkingSites
from simulator.sizes import DEMO, CitySize
from simulator.spots import Spots
from simulator.traffic import Traffic
from simulator.weather import Weather


class City:
    """A pure function of seed, entity and time: nothing happens in it that could not be asked for again."""

    def __init__(self, seed: int = 1, size: CitySize = DEMO, tenant: str = "toulouse") -> None:
        self.seed = seed
        self.size = size
        self.tenant = tenant

    @cached_property
    def weather(self) -> Weather:
        """Its weather stations."""
        return Weather(self.seed, self.tenant, self.size)

    @cached_property
    def parking(self) -> ParkingSites:
        """Its car parks."""
        return ParkingSites(self.seed, self.tenant, self.size)

    @cached_property
    def spots(self) -> Spots:
        """Its parking spaces with a sensor."""
        return Spots(self.seed, self.tenant, self.size)

    @cached_property
    def traffic(self) -> Traffic:
        """Its road segments."""
        return Traffic(self.seed, self.tenant, self.size)

    @cached_property
    def buses(self) -> Buses:
        """Its buses and lines."""
        return Buses(self.seed, self.tenant, self.size)

    @cached_property
    def bikes(self) -> Bikes:
        """Its bike stations."""
        return Bikes(self.seed, self.tenant, self.size)
