"""GBFS 2.x and 3.x: ``station_status`` as observations, ``station_information`` as their reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, Literal, TypeVar

import orjson
from pydantic import Field

from connectors.formats._body import json_document
from connectors.formats._errors import ReadError, shown
from connectors.formats._mapping import Entry, Mapped, Reader, each
from connectors.formats._reference import reference_of
from connectors.model import Alone, FormatOptions, Payload, Reason, Record, Reference, Rejected

T = TypeVar("T")

EVENT = "bike_station_observed"

#: By major version, what it calls bikes and how it writes times.
DIALECTS = {"2": ("bikes", "epoch_s"), "3": ("vehicles", "iso")}


class Options(FormatOptions):
    """``language`` chooses among the names of a station; ``prefix`` keeps the ids of several operators apart."""

    kind: Literal["gbfs"]
    language: str = Field(default="fr", pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]+)*$")
    prefix: str = ""

    @cached_property
    def status(self) -> Mapping[str, Reader]:
        """How a station's status is read, by major version."""
        return {major: self._status(bikes, times) for major, (bikes, times) in DIALECTS.items()}

    @cached_property
    def information(self) -> Reader:
        """How a station's name, place and capacity are read; since 3.0 it has a name in each language."""
        names = [f"name[language={self.language}].text", "name.0.text", "name"]
        return self._reader(fields={"name": names, "capacity": "capacity"}, location={"lat": "lat", "lon": "lon"})

    def _status(self, bikes: str, times: str) -> Reader:
        renamed = {f"bikes_{state}": f"num_{bikes}_{state}" for state in ("available", "disabled")}
        docks = {f"docks_{state}": f"num_docks_{state}" for state in ("available", "disabled")}
        same = {name: name for name in ("is_installed", "is_renting", "is_returning")}
        return self._reader(observed_at={"from": "last_reported", "format": times}, fields=renamed | docks | same)

    def _reader(self, **declared: Any) -> Reader:
        entity = {"from": "station_id", "prefix": self.prefix}
        return Mapped.model_validate({"kind": self.kind, "event": EVENT, "entity_id": entity, **declared}).json_reader


def decode(payload: Payload, options: Options, reference: Reference) -> Iterator[Record | Rejected]:
    """The state of each station of a ``station_status``."""

    def read(station: Any, major: str, alone: Alone) -> Record:
        return options.status[major].record(station, None, payload, reference, alone)

    return _stations(payload, read)


def read_entries(payload: Payload, options: Options) -> Iterator[Entry | Rejected]:
    """Each station of a ``station_information``, with its name, place and capacity."""
    return _stations(payload, lambda station, _major, _alone: options.information.entry(station, None, payload))


def read_reference(payload: Payload, options: Options) -> Reference:
    """What a ``station_information`` says of stations.

    Raises:
        ValueError: nothing in it can be read.
    """
    return reference_of(read_entries(payload, options))


def _stations(payload: Payload, read: Callable[[Any, str, Alone], T]) -> Iterator[T | Rejected]:
    try:
        stations, version = _document(payload)
    except ReadError as e:
        yield e.of(payload)
        return
    major = _major(version)
    yield from each(
        stations,
        lambda station, alone: read(station, major, alone),
        lambda i: f"data.stations[{i}]",
        lambda station: orjson.dumps({"version": version, "data": {"stations": [station]}}),
    )


def _document(payload: Payload) -> tuple[list[Any], str]:
    document = json_document(payload)
    if type(document) is not dict:
        raise ReadError(Reason.MALFORMED, f"{shown(document)} is not GBFS")
    version = document.get("version")
    if type(version) is not str or _major(version) not in DIALECTS:
        raise ReadError(Reason.UNSUPPORTED, f"version {shown(version)}; 2.x and 3.x are read")
    data = document.get("data")
    stations = data.get("stations") if type(data) is dict else None
    if type(stations) is not list:
        raise ReadError(Reason.UNSUPPORTED, "no list 'data.stations': not a file of stations")
    return stations, version


def _major(version: str) -> str:
    return version.split(".")[0]
