"""True heat islands: stations and hours come in, intensities and nights go out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache

import numpy as np

from simulator.chance import Floats
from simulator.local_time import HOUR
from simulator.weather import Weather

NIGHT_FROM_UTC, NIGHT_HOURS = 18, 12  # the hours in which European services look for the night's minimum
TROPICAL_CELSIUS = 20.0


@dataclass(frozen=True)
class Night:
    """A night of one station."""

    min_celsius: float
    is_tropical: bool
    mean_intensity: float  # K
    degree_hours: float  # K·h above the reference


class HeatHours:
    """Hours and nights of a city's stations, as means over the times at which they measure."""

    def __init__(self, weather: Weather) -> None:
        self._weather = weather
        self._station = {name: n for n, name in enumerate(weather.ids)}
        self._means = lru_cache(maxsize=64)(self._means_of_hour)

    def intensity(self, station: str, hour: int) -> float:
        """Mean intensity of an hour (K)."""
        return float(self._means(hour)[0][self._station[station]])

    def temperature(self, station: str, hour: int) -> float:
        """Mean temperature of an hour (°C)."""
        return float(self._means(hour)[1][self._station[station]])

    def night(self, station: str, evening: date) -> Night:
        """The night after that evening."""
        n = self._station[station]
        first = int(datetime.combine(evening, time(NIGHT_FROM_UTC), UTC).timestamp())
        hours = range(first, first + NIGHT_HOURS * HOUR, HOUR)
        lowest = min(float(self._means(hour)[2][n]) for hour in hours)
        intensities = np.array([self._means(hour)[0][n] for hour in hours])
        return Night(
            lowest, lowest >= TROPICAL_CELSIUS, float(intensities.mean()), float(np.maximum(intensities, 0).sum())
        )

    def _means_of_hour(self, hour: int) -> tuple[Floats, Floats, Floats]:
        """Mean intensity, mean and lowest temperature of every station."""
        times = np.arange(hour, hour + HOUR, self._weather.step)
        temperature = self._weather.temperature_celsius(times)
        return self._weather.intensity_celsius(times).mean(axis=1), temperature.mean(axis=1), temperature.min(axis=1)
