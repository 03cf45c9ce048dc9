"""Latest states of bike stations as the files of a GBFS 3.0 system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from serving.queries.kinds import instant

VERSION = "3.0"
TTL_SECONDS = 10
LANGUAGE = "fr"
FILES = ("system_information", "station_information", "station_status")
REQUIRED = ("location", "bikes_available", "is_installed", "is_renting", "is_returning")
#: What GBFS says only where it is known.
INFORMATION = {"capacity": "capacity"}
STATUS = {
    "bikes_disabled": "num_vehicles_disabled",
    "docks_available": "num_docks_available",
    "docks_disabled": "num_docks_disabled",
}

Station = Mapping[str, Any]
Content = dict[str, Any]


def published(stations: Iterable[Station]) -> list[Station]:
    """The stations of which all is known that GBFS asks for; it has no word for unknown."""
    return [s for s in stations if all(s.get(name) is not None for name in REQUIRED)]


def file(data: Content, now: datetime) -> Content:
    """A file, as it is at a time."""
    return {"last_updated": _rfc3339(now), "ttl": TTL_SECONDS, "version": VERSION, "data": data}


def manifest(addresses: Mapping[str, str]) -> Content:
    """The systems there are, with the address of each."""
    systems = [{"system_id": name, "versions": [{"version": VERSION, "url": url}]} for name, url in addresses.items()]
    return {"datasets": systems}


def discovery(addresses: Mapping[str, str]) -> Content:
    """The files of a system, with the address of each."""
    return {"feeds": [{"name": name, "url": url} for name, url in addresses.items()]}


def system_information(system: str, contact_email: str, timezone: str) -> Content:
    """Whose system it is; stations with docks never close."""
    return {
        "system_id": system,
        "languages": [LANGUAGE],
        "name": _said(system),
        "opening_hours": "24/7",
        "feed_contact_email": contact_email,
        "timezone": timezone,
    }


def station_information(stations: Sequence[Station]) -> Content:
    """What the stations are."""
    return {"stations": [_information(s) for s in stations]}


def station_status(stations: Sequence[Station]) -> Content:
    """How the stations are."""
    return {"stations": [_status(s) for s in stations]}


def _information(station: Station) -> Content:
    where = station["location"]
    return {
        "station_id": station["entity_id"],
        "name": _said(station.get("name") or station["entity_id"]),
        "lat": where["lat"],
        "lon": where["lon"],
        **_known(station, INFORMATION),
    }


def _status(station: Station) -> Content:
    return {
        "station_id": station["entity_id"],
        "num_vehicles_available": station["bikes_available"],
        **_known(station, STATUS),
        **{name: station[name] for name in ("is_installed", "is_renting", "is_returning")},
        "last_reported": _rfc3339(instant(station["observed_at"])),
    }


def _known(station: Station, names: Mapping[str, str]) -> Content:
    return {told: station[name] for name, told in names.items() if station.get(name) is not None}


def _said(text: str) -> list[dict[str, str]]:
    return [{"text": text, "language": LANGUAGE}]


def _rfc3339(time: datetime) -> str:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")
