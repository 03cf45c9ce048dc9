"""When a trip should be at a stop: the timetable of GTFS against the clock."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from connectors.model import Reference

UNKNOWN_SECONDS = -1
_HALF_DAY = timedelta(hours=12)
_DAY = timedelta(days=1)
_FIRST_YEAR, _LAST_YEAR = 1900, 2200  # beyond, days have no neighbours and zones no rules


@dataclass(slots=True)
class Trip:
    """One trip of the timetable; the arrays are by stop, in the order of ``sequences``."""

    line_id: str | None
    direction_id: int | None
    zone: ZoneInfo
    sequences: array[int] = field(default_factory=lambda: array("l"))
    seconds: array[int] = field(default_factory=lambda: array("i"))  # of arrival, since noon minus 12 h
    stop_ids: list[str] = field(default_factory=list)
    has_headway: bool = False  # the times say only how long the way takes
    has_exact_headway: bool = False  # they do so for each start

    @staticmethod
    def key(trip_id: str) -> str:
        """Where a reference holds the trip."""
        return f"trip:{trip_id}"

    @staticmethod
    def of(reference: Reference, trip_id: str) -> Trip | None:
        """The trip as a reference knows it."""
        known = reference.get(Trip.key(trip_id))
        return known["trip"] if known else None

    def sort(self) -> None:
        """Put the stops in their order, which the file need not have."""
        order = sorted(range(len(self.sequences)), key=self.sequences.__getitem__)
        if order != list(range(len(order))):
            self.sequences = array("l", (self.sequences[i] for i in order))
            self.seconds = array("i", (self.seconds[i] for i in order))
            self.stop_ids = [self.stop_ids[i] for i in order]

    def stops(self, sequence: int | None, stop_id: str | None) -> list[int]:
        """Indexes of the stops meant: the one of that rank, else all of that id."""
        if sequence is not None:
            return [i for i, s in enumerate(self.sequences) if s == sequence]
        return [i for i, s in enumerate(self.stop_ids) if s == stop_id] if stop_id else []


@dataclass(frozen=True, slots=True)
class Start:
    """Which run of a trip it is, as far as the feed says."""

    day: date | None = None
    seconds: int | None = None  # for trips with a headway


def scheduled(trip: Trip, stops: Iterable[int], start: Start, observed_at: datetime) -> tuple[int, datetime] | None:
    """The stop and its scheduled arrival (UTC); where several fit, the one nearest to ``observed_at``."""
    shift = _shift(trip, start)
    if shift is None or not _FIRST_YEAR <= observed_at.year <= _LAST_YEAR:
        return None
    local = observed_at.astimezone(trip.zone).date()
    days = [start.day] if start.day else [local - _DAY, local, local + _DAY]
    times = [
        (i, midnight(trip.zone, day) + timedelta(seconds=trip.seconds[i] + shift))
        for i in stops
        if trip.seconds[i] != UNKNOWN_SECONDS
        for day in days
    ]
    return min(times, key=lambda t: abs(t[1] - observed_at), default=None)


@lru_cache(maxsize=256)
def midnight(zone: ZoneInfo, day: date) -> datetime:
    """What GTFS counts a day's times from: noon minus 12 hours, which is not midnight when the clocks change."""
    return datetime.combine(day, time(12), zone).astimezone(UTC) - _HALF_DAY


def service_day(text: str) -> date | None:
    """The day of a text such as 20260131; None when it is none."""
    try:
        day = datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return None
    return day if _FIRST_YEAR <= day.year <= _LAST_YEAR else None


def clock(text: str) -> int | None:
    """Seconds of a time such as 25:10:00; None when it is none."""
    parts = text.strip().split(":")
    if len(parts) != 3 or not all(p.isascii() and p.isdecimal() and len(p) <= 3 for p in parts):
        return None
    return int(parts[0]) * 3600 + int(parts[1]) * 60 + int(parts[2])


def _shift(trip: Trip, start: Start) -> int | None:
    if not trip.has_headway:
        return 0
    first = next((s for s in trip.seconds if s != UNKNOWN_SECONDS), None)
    if not trip.has_exact_headway or start.seconds is None or first is None:
        return None
    return start.seconds - first
