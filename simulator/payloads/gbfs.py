"""GBFS 3.0 and 2.3: bike stations and their states come in, JSON goes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from simulator.local_time import iso

Version = Literal["3.0", "2.3"]


@dataclass(frozen=True)
class Station:
    """A bike station as station_information describes it."""

    id: str
    name: str
    capacity: int
    lat: float
    lon: float


@dataclass(frozen=True)
class Status:
    """What a bike station has; `bikes` may be text, so that it can be wrong."""

    id: str
    bikes: int | str
    docks: int
    bikes_disabled: int
    docks_disabled: int


def discovery(version: Version, addresses: Mapping[str, str], time: int) -> bytes:
    """gbfs.json: the address of each feed."""
    feeds = [{"name": name, "url": url} for name, url in addresses.items()]
    return _feed(version, {"feeds": feeds} if version == "3.0" else {"fr": {"feeds": feeds}}, time, 3600)


def station_information(version: Version, stations: Sequence[Station], time: int) -> bytes:
    """station_information.json."""
    return _feed(version, {"stations": [_information(version, s) for s in stations]}, time, 3600)


def station_status(version: Version, statuses: Sequence[Status], time: int, ttl: int) -> bytes:
    """station_status.json, as reported at a time."""
    reported: Any = iso(time) if version == "3.0" else time
    name = "vehicles" if version == "3.0" else "bikes"
    stations = [
        {
            "station_id": s.id,
            "is_installed": True,
            "is_renting": True,
            "is_returning": True,
            "last_reported": reported,
            f"num_{name}_available": s.bikes,
            f"num_{name}_disabled": s.bikes_disabled,
            "num_docks_available": s.docks,
            "num_docks_disabled": s.docks_disabled,
        }
        for s in statuses
    ]
    return _feed(version, {"stations": stations}, time, ttl)


def _information(version: Version, s: Station) -> dict[str, Any]:
    name: Any = [{"text": s.name, "language": "fr"}] if version == "3.0" else s.name
    return {"station_id": s.id, "name": name, "lat": s.lat, "lon": s.lon, "capacity": s.capacity}


def _feed(version: Version, data: Mapping[str, Any], time: int, ttl: int) -> bytes:
    updated: Any = iso(time) if version == "3.0" else time
    return orjson.dumps({"last_updated": updated, "ttl": ttl, "version": version, "data": data})
