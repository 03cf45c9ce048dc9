"""Where things stand: keys of chance come in, places in and around the city go out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from pyproj import Transformer

from simulator.chance import Floats, key, uniform

KM_PER_DEGREE = 111.32
CENTRES = {"toulouse": (43.6045, 1.444), "blagnac": (43.6364, 1.3906), "colomiers": (43.6110, 1.3367)}


@dataclass(frozen=True)
class Places:
    """Places in WGS 84, rounded to about 0.1 m."""

    lat: Floats
    lon: Floats

    def __len__(self) -> int:
        return len(self.lat)

    def lambert93(self) -> tuple[Floats, Floats]:
        """Easting and northing in Lambert 93 (EPSG:2154), to the centimetre."""
        x, y = _to_lambert93().transform(self.lon, self.lat)
        return np.round(x, 2), np.round(y, 2)


def centre(tenant: str) -> tuple[float, float]:
    """Latitude and longitude of a commune's centre; one that is not known lies somewhere within 30 km of Toulouse."""
    if tenant in CENTRES:
        return CENTRES[tenant]
    place = around(CENTRES["toulouse"], key("centre", tenant), 1, 5, 30)
    return float(place.lat[0]), float(place.lon[0])


def around(middle: tuple[float, float], of: int, count: int, nearest_km: float, farthest_km: float) -> Places:
    """Places spread evenly over the ring between two distances from the middle."""
    n = np.arange(count)
    share = uniform(of, n, np.zeros_like(n))
    distance = np.sqrt(nearest_km**2 + share * (farthest_km**2 - nearest_km**2))
    return at(middle, distance, 2 * np.pi * uniform(of, n, np.ones_like(n)))


def at(middle: tuple[float, float], distance_km: Floats, bearing: Floats) -> Places:
    """Places at these distances and bearings (radians) from the middle, on a flat Earth."""
    lat = middle[0] + distance_km * np.cos(bearing) / KM_PER_DEGREE
    lon = middle[1] + distance_km * np.sin(bearing) / (KM_PER_DEGREE * np.cos(np.radians(middle[0])))
    return Places(np.round(lat, 6), np.round(lon, 6))


def distance_km(middle: tuple[float, float], places: Places) -> Floats:
    """Distances from the middle, on a flat Earth."""
    north = (places.lat - middle[0]) * KM_PER_DEGREE
    east = (places.lon - middle[1]) * KM_PER_DEGREE * np.cos(np.radians(middle[0]))
    return np.asarray(np.hypot(north, east), dtype=np.float64)


@lru_cache(maxsize=1)
def _to_lambert93() -> Transformer:
    return Transformer.from_crs("EPSG:4326", "EPSG:2154", always_xy=True)
