"""Where a feed's records are, as ``{"lat", "lon"}`` on WGS 84."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from math import inf, isfinite
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, model_validator
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from connectors.formats._errors import ReadError, shown
from connectors.formats._numbers import Decimal, number
from connectors.formats._paths import Resolve
from connectors.model import Reason

WGS84 = "EPSG:4326"
DECIMALS = 7  # a centimetre

Place = dict[str, float]
#: Takes a record and its document; gives None when the place is unknown.
ReadPlace = Callable[[Any, Any], Place | None]

_WKT = re.compile(r"\s*(?:SRID=\d+;)?\s*POINT\s*Z?\s*\(\s*(\S+)\s+(\S+?)(?:\s+\S+)?\s*\)\s*", re.IGNORECASE)
_NAMES = (("lat", "lon"), ("latitude", "longitude"), ("lat", "lng"))


class Location(BaseModel):
    """Where it stands: in ``lat`` and ``lon``, ``x`` and ``y``, a ``point`` (GeoJSON, WKT, object) or a ``pair``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lat: str | None = None
    lon: str | None = None
    x: str | None = None
    y: str | None = None
    point: str | None = None
    pair: str | None = None
    order: Literal["lat,lon", "lon,lat"] = "lat,lon"
    crs: str = WGS84
    decimal: Decimal = "."

    @model_validator(mode="after")
    def _one_way(self) -> Location:
        given = {n for n in ("lat", "lon", "x", "y", "point", "pair") if getattr(self, n) is not None}
        if given not in ({"lat", "lon"}, {"x", "y"}, {"point"}, {"pair"}):
            raise ValueError("needs lat and lon, or x and y, or point, or pair")
        if not re.fullmatch(r"EPSG:\d{4,6}", self.crs):
            raise ValueError(f"crs {self.crs!r} is not like EPSG:2154")
        try:
            CRS.from_user_input(self.crs)
        except CRSError as e:
            raise ValueError(f"crs {self.crs!r} is unknown") from e
        return self


def place_reader(location: Location, resolve: Resolve) -> ReadPlace:
    """A reader of places by their declaration, raises `ReadError`."""
    make = _maker(location)
    if location.point is not None:
        get_point = resolve(location.point)
        return lambda record, document: _from_point(get_point(record, document), make)
    if location.pair is not None:
        get_pair, turned = resolve(location.pair), location.order == "lat,lon"
        return lambda record, document: _from_pair(get_pair(record, document), turned, make)
    get_x, get_y = resolve(location.x or location.lon or ""), resolve(location.y or location.lat or "")
    return lambda record, document: make(get_x(record, document), get_y(record, document))


def _maker(location: Location) -> Callable[[Any, Any], Place | None]:
    decimal, crs = location.decimal, location.crs

    def make(raw_x: Any, raw_y: Any) -> Place | None:
        if raw_x is None or raw_y is None:
            return None
        x, y = number(raw_x, decimal), number(raw_y, decimal)
        if x is None or y is None:
            return None
        lon, lat = (x, y) if crs == WGS84 else to_wgs84(crs, x, y)
        if not (isfinite(lat) and isfinite(lon)):
            raise ReadError(Reason.OUT_OF_RANGE, f"({shown(raw_x)}, {shown(raw_y)}) is not in the area of {crs}")
        return {"lat": float(lat), "lon": float(lon)}

    return make


@lru_cache(maxsize=65_536)  # sensors stay where they are
def to_wgs84(crs: str, x: float, y: float) -> tuple[float, float]:
    """Longitude and latitude of a point given in another reference system; infinite outside of its area of use."""
    transformer, (west, south, east, north) = _system(crs)
    lon, lat = transformer.transform(x, y)
    if not (west <= lon <= east and south <= lat <= north):
        return inf, inf
    return round(lon, DECIMALS), round(lat, DECIMALS)


@lru_cache(maxsize=16)
def _system(crs: str) -> tuple[Transformer, tuple[float, float, float, float]]:
    area = CRS.from_user_input(crs).area_of_use
    bounds = (area.west, area.south, area.east, area.north) if area else (-180.0, -90.0, 180.0, 90.0)
    return Transformer.from_crs(crs, WGS84, always_xy=True), bounds


def _from_point(raw: Any, make: Callable[[Any, Any], Place | None]) -> Place | None:
    if raw is None or raw == "":
        return None
    if type(raw) is str:
        match = _WKT.fullmatch(raw)
        if match:
            return make(*match.groups())
    elif type(raw) is dict:
        at = raw.get("coordinates")
        if type(at) is list and len(at) >= 2 and raw.get("type", "Point") == "Point":
            return make(at[0], at[1])
        for lat, lon in _NAMES:
            if lat in raw and lon in raw:
                return make(raw[lon], raw[lat])
    raise ReadError(Reason.WRONG_TYPE, f"{shown(raw)} is not a point")


def _from_pair(raw: Any, turned: bool, make: Callable[[Any, Any], Place | None]) -> Place | None:
    if raw is None or raw == "":
        return None
    parts = re.split(r"\s*[;,]\s*|\s+", raw.strip()) if type(raw) is str else raw
    if type(parts) is not list or len(parts) != 2:
        raise ReadError(Reason.WRONG_TYPE, f"{shown(raw)} is not a pair of numbers")
    return make(parts[1], parts[0]) if turned else make(parts[0], parts[1])
