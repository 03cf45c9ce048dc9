"""Weather stations on an open-data portal."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.chance import Ints
from simulator.payloads import opendatasoft
from simulator.source import Snapshots
from simulator.weather import Weather


class PortalWeather(Snapshots):
    """The portal's stations, all in one data set that holds their latest readings."""

    name = "weather_portal"
    event = "weather_observed"
    content_type = "application/json; charset=utf-8"

    def __init__(self, weather: Weather) -> None:
        self.period = weather.step
        self._weather = weather
        self._stations = np.arange(weather.radio, weather.count)

    def entities(self, time: int) -> Ints:  # noqa: ARG002 - every station reports at every step
        """The portal's stations."""
        return self._stations

    def payload(self, time: int, twice: Ints, broken: Ints) -> bytes:
        """An answer of /records with every station's reading."""
        return opendatasoft.records(self.rows(time, twice, broken))

    def rows(self, time: int, twice: Ints, broken: Ints) -> list[dict[str, Any]]:
        """The records of that answer."""
        said = self._weather.readings(np.full(1, time))
        rows = opendatasoft.readings(said, time, self._stations)
        false = [{**rows[n], "id": f"defaut-{n}", "temperature_en_degre_c": "chaud"} for n in broken]
        return [*rows, *(rows[n] for n in twice), *false]

    def places(self) -> bytes:
        """Where the stations stand."""
        return opendatasoft.records(opendatasoft.places(self._weather, self._stations))
