"""The trips of a GTFS zip, read within limits."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from io import BytesIO, TextIOWrapper
from zipfile import BadZipFile, ZipFile, ZipInfo

from connectors.formats._schedule import UNKNOWN_SECONDS, Trip, clock
from connectors.formats._times import zone
from connectors.inflate import MAX_RATIO, UNSUSPICIOUS_BYTES
from connectors.model import Reference

MAX_ENTRIES = 200
ENTRY = b"PK\x01\x02"  # begins an entry of a zip's directory
MAX_TOTAL_BYTES = 2_000_000_000  # the timetable of a whole country

#: Columns of a row by name; a missing one is empty.
Row = Callable[[str], str]

_FAILURES = (BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, LookupError, csv.Error)


def read_timetable(body: bytes) -> Reference:
    """Each trip as ``trip:<trip_id>`` with a `Trip` under ``trip``.

    Raises:
        ValueError: it is not a GTFS zip, or a hostile one.
    """
    if body.count(ENTRY) > 2 * MAX_ENTRIES:  # of a zip that is read, each entry is an object of a kilobyte
        raise ValueError(f"a zip of more than {MAX_ENTRIES} files")
    try:
        with ZipFile(BytesIO(body)) as archive:
            _check(archive.infolist())
            trips = _trips(archive)
    except _FAILURES as e:
        raise ValueError(f"not a GTFS zip: {e}") from e
    return {Trip.key(trip_id): {"trip": trip} for trip_id, trip in trips.items()}


def _check(entries: list[ZipInfo]) -> None:
    if len(entries) > MAX_ENTRIES:
        raise ValueError(f"a zip of {len(entries)} files; {MAX_ENTRIES} are allowed")
    if sum(e.file_size for e in entries) > MAX_TOTAL_BYTES:
        raise ValueError(f"a zip that holds more than {MAX_TOTAL_BYTES} bytes")
    for entry in entries:
        if entry.file_size > max(UNSUSPICIOUS_BYTES, MAX_RATIO * entry.compress_size):
            raise ValueError(f"a zip bomb: {entry.filename!r} grows {entry.compress_size} bytes to {entry.file_size}")
        name = entry.filename
        if name.startswith("/") or "\\" in name or ":" in name or ".." in name.split("/") or not name.isprintable():
            raise ValueError(f"a zip with the name {name!r} in it")


def _trips(archive: ZipFile) -> dict[str, Trip]:
    zones = [row("agency_timezone") for row in _rows(archive, "agency.txt")]
    local = zone(zones[0]) if zones else zone("")
    trips = {
        row("trip_id"): Trip(row("route_id") or None, _direction(row("direction_id")), local)
        for row in _rows(archive, "trips.txt")
    }
    _add_stops(trips, archive)
    for row in _rows(archive, "frequencies.txt", optional=True):
        trip = trips.get(row("trip_id"))
        if trip:
            trip.has_headway, trip.has_exact_headway = True, row("exact_times") == "1"
    return trips


def _add_stops(trips: dict[str, Trip], archive: ZipFile) -> None:
    seconds_of = lru_cache(maxsize=200_000)(clock)
    names: dict[str, str] = {}
    for row in _rows(archive, "stop_times.txt"):
        trip, sequence, stop_id = trips.get(row("trip_id")), row("stop_sequence"), row("stop_id")
        if trip is None or not (sequence.isascii() and sequence.isdecimal() and len(sequence) < 10):
            continue
        seconds = seconds_of(row("arrival_time") or row("departure_time"))
        trip.sequences.append(int(sequence))
        trip.seconds.append(UNKNOWN_SECONDS if seconds is None else seconds)
        trip.stop_ids.append(names.setdefault(stop_id, stop_id))  # one text for all that serve the stop
    for trip in trips.values():
        trip.sort()


def _rows(archive: ZipFile, name: str, *, optional: bool = False) -> Iterator[Row]:
    if optional and name not in archive.namelist():
        return
    with archive.open(name) as file:
        lines = csv.reader(TextIOWrapper(file, "utf-8-sig", newline=""))
        header = {column.strip(): i for i, column in enumerate(next(lines, []))}
        for cells in lines:
            yield lambda column, cells=cells: _cell(cells, header.get(column))  # type: ignore[misc]


def _cell(cells: list[str], index: int | None) -> str:
    return cells[index].strip() if index is not None and index < len(cells) else ""


def _direction(text: str) -> int | None:
    return int(text) if text in ("0", "1") else None
