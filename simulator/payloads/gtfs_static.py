"""GTFS static: the lines of a city come in, the zip of a timetable goes out."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Sequence
from datetime import date

from simulator.buses import Buses
from simulator.chance import Ints
from simulator.local_time import HOUR, ZONE
from simulator.timetable import DWELL, Line

SERVICE = "tous-les-jours"
_BUS = 3
_WRITTEN_AT = (2020, 1, 1, 0, 0, 0)  # the same timetable gives the same bytes


def timetable(buses: Buses, first: date, last: date) -> bytes:
    """The timetable from a first day to a last one."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, rows in (
            ("agency.txt", _agency()),
            ("calendar.txt", _calendar(first, last)),
            ("routes.txt", _routes(buses.lines)),
            ("stops.txt", _stops(buses.lines)),
            ("trips.txt", _trips(buses.lines)),
        ):
            archive.writestr(zipfile.ZipInfo(name, _WRITTEN_AT), _csv(rows), zipfile.ZIP_DEFLATED)
        stop_times = zipfile.ZipInfo("stop_times.txt", _WRITTEN_AT)
        archive.writestr(stop_times, _stop_times(buses.lines), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _agency() -> Iterable[Sequence[object]]:
    yield "agency_id", "agency_name", "agency_url", "agency_timezone", "agency_lang"
    yield "sim", "Ville simulée", "https://example.org", str(ZONE), "fr"


def _calendar(first: date, last: date) -> Iterable[Sequence[object]]:
    yield "service_id", *_WEEKDAYS, "start_date", "end_date"
    yield SERVICE, *(1 for _ in _WEEKDAYS), f"{first:%Y%m%d}", f"{last:%Y%m%d}"


def _routes(lines: Iterable[Line]) -> Iterable[Sequence[object]]:
    yield "route_id", "agency_id", "route_short_name", "route_long_name", "route_type"
    for line in lines:
        yield line.id, "sim", line.id, f"Ligne {line.number + 1}", _BUS


def _stops(lines: Iterable[Line]) -> Iterable[Sequence[object]]:
    yield "stop_id", "stop_name", "stop_lat", "stop_lon"
    for line in lines:
        for direction in (0, 1):
            for rank in range(line.stops):
                place = rank if direction == 0 else line.stops - 1 - rank
                name = f"{line.id} arrêt {place + 1}"
                yield line.stop_id(direction, rank), name, line.places.lat[place], line.places.lon[place]


def _trips(lines: Iterable[Line]) -> Iterable[Sequence[object]]:
    yield "route_id", "service_id", "trip_id", "direction_id"
    for line in lines:
        for direction in (0, 1):
            for trip in range(len(line.schedule(direction))):
                yield line.id, SERVICE, line.trip_id(direction, trip), direction


def _stop_times(lines: Iterable[Line]) -> str:
    rows = ["trip_id,arrival_time,departure_time,stop_id,stop_sequence"]
    for line in lines:
        for direction in (0, 1):
            stops = [f"{line.stop_id(direction, rank)},{rank + 1}" for rank in range(line.stops)]
            schedule = line.schedule(direction)
            arrivals, departures = _clock(schedule), _clock(schedule + DWELL)
            for trip in range(len(schedule)):
                name = line.trip_id(direction, trip)
                rows += [
                    f"{name},{a},{d},{stop}" for a, d, stop in zip(arrivals[trip], departures[trip], stops, strict=True)
                ]
    return "\n".join(rows) + "\n"


def _clock(seconds: Ints) -> list[list[str]]:
    """Hours, minutes and seconds since noon minus 12 h; the hours may pass 24."""
    return [[f"{s // HOUR:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in row] for row in seconds.tolist()]


def _csv(rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
