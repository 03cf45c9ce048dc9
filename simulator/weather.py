"""Weather stations: the true heat field and what the sensors say of it, for any station at any time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulator.chance import Floats, Ints, key, normal, smooth, uniform
from simulator.local_time import DAY, HOUR, hours_of_day
from simulator.places import Places, around, centre, distance_km
from simulator.sizes import CitySize

LAPSE_K_PER_M = 0.0065
REFERENCE_ELEVATION_M = 150.0
#: Intensity at night in the city centre by local climate zone (Stewart and Oke), in K.
NIGHT_INTENSITY = {"1": 4.6, "2": 5.0, "3": 4.2, "5": 3.2, "6": 2.1, "8": 2.6, "9": 1.0, "A": -0.4, "B": 0.0, "D": 0.0}
_URBAN = ("2", "3", "5", "6", "8", "1", "9", "A")
_RURAL = ("D", "B")
#: Share of the night's intensity that is there by local hour: the city cools late and warms late.
_HOURS = (0, 3, 6, 9, 12, 16, 19, 21, 23, 24)
_SHARES = (1.0, 1.0, 0.9, 0.35, 0.12, 0.15, 0.35, 0.75, 0.95, 1.0)
#: The day's course in °C around its mean, by local hour: coldest before sunrise, warmest in the afternoon.
_COURSE_HOURS = (0, 3, 6, 9, 12, 15, 17, 19, 21, 24)
_COURSE = (-3.4, -5.4, -6.4, -2.0, 3.6, 7.0, 7.2, 4.6, 0.4, -3.4)
_MEAN_CELSIUS = 24.0
NOISE_CELSIUS = 0.03
RURAL_STATIONS = 6


@dataclass(frozen=True)
class Readings:
    """What the stations measure (stations × times), in the units of the contract."""

    temperature_celsius: Floats
    humidity_ratio: Floats
    pressure_hpa: Floats
    wind_m_per_s: Floats
    gust_m_per_s: Floats
    wind_degrees: Floats
    rain_mm: Floats


class Weather:
    """The stations of a city; the radio's come first, the portal's after them, and the last radio ones are rural."""

    def __init__(self, seed: int, tenant: str, size: CitySize) -> None:
        self.step = size.weather_seconds
        self.radio = size.weather_radio
        self.count = size.weather_radio + size.weather_portal
        self.ids = [f"meteo-{n + 1}" for n in range(self.count)]
        self.numbers = np.arange(self.count)
        self._middle = centre(tenant)
        self._key = key(seed, tenant, "weather")

    @cached_property
    def is_rural(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether a station is a rural reference."""
        rural = min(RURAL_STATIONS, self.radio // 2)
        return (self.numbers >= self.radio - rural) & (self.numbers < self.radio)

    @cached_property
    def places(self) -> Places:
        """Where the stations stand: the rural ones 12 to 20 km out, the others within 7 km."""
        city = around(self._middle, key(self._key, "city"), self.count, 0.2, 7)
        country = around(self._middle, key(self._key, "country"), self.count, 12, 20)
        return Places(np.where(self.is_rural, country.lat, city.lat), np.where(self.is_rural, country.lon, city.lon))

    @cached_property
    def elevation_m(self) -> Floats:
        """Heights above sea level in whole metres, 120 to 260 m."""
        return np.round(120 + 140 * uniform(key(self._key, "elevation"), self.numbers) ** 2)

    @cached_property
    def zones(self) -> list[str]:
        """Local climate zones."""
        return [(_RURAL if r else _URBAN)[n % (2 if r else len(_URBAN))] for n, r in enumerate(self.is_rural)]

    def base_celsius(self, times: Ints) -> Floats:
        """Temperature of the open country at the reference height: the day's course and its slow changes."""
        course = np.interp(hours_of_day(times), _COURSE_HOURS, _COURSE)
        slow = smooth(key(self._key, "base"), np.zeros(1, dtype=np.int64), times, DAY)[0]
        return np.asarray(_MEAN_CELSIUS + course + 1.2 * slow, dtype=np.float64)

    def intensity_celsius(self, times: Ints) -> Floats:
        """True heat-island intensity (stations × times) in K: by zone and hour, fading from the centre; rural is 0."""
        night = np.array([NIGHT_INTENSITY[z] for z in self.zones])
        fading = 0.6 + 0.4 * np.exp(-((distance_km(self._middle, self.places) / 4) ** 2))
        share = np.interp(hours_of_day(times), _HOURS, _SHARES)
        return np.asarray(np.where(self.is_rural, 0.0, night * fading)[:, None] * share, dtype=np.float64)

    def temperature_celsius(self, times: Ints) -> Floats:
        """True temperature (stations × times): base, height and heat island."""
        height = LAPSE_K_PER_M * (self.elevation_m - REFERENCE_ELEVATION_M)
        return self.base_celsius(times)[None, :] - height[:, None] + self.intensity_celsius(times)

    def readings(self, times: Ints) -> Readings:
        """What the sensors say: the truth with their noise, σ 0.03 °C and never above 0.11."""
        n, t = self.numbers[:, None], times[None, :]
        temperature = self.temperature_celsius(times) + NOISE_CELSIUS * normal(key(self._key, "noise"), n, t)
        wind = np.abs(2.5 + 1.5 * smooth(key(self._key, "wind"), self.numbers, times, 3 * HOUR))
        is_wet = smooth(key(self._key, "rain"), np.zeros(1, dtype=np.int64), times, 6 * HOUR) > 1.3
        return Readings(
            temperature_celsius=temperature,
            humidity_ratio=np.clip(0.95 - 0.022 * (temperature - 14), 0.15, 1.0),
            pressure_hpa=1016
            - self.elevation_m[:, None] / 8.4
            + 4 * smooth(key(self._key, "pressure"), np.zeros(1, dtype=np.int64), times, DAY),
            wind_m_per_s=wind,
            gust_m_per_s=wind * (1.3 + 0.4 * uniform(key(self._key, "gust"), n, t)),
            wind_degrees=(300 + 60 * smooth(key(self._key, "direction"), self.numbers, times, 6 * HOUR)) % 360,
            rain_mm=np.where(is_wet, 0.2 * np.floor(4 * uniform(key(self._key, "drops"), n, t)), 0.0),
        )
