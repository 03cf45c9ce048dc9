"""How many records had which outcome, by hour of event time: of one delivery, and of a feed since its beginning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

MAX_HOURS = 10_000
NO_TOLERANCE = timedelta()

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)


@dataclass(slots=True)
class HourCounts:
    """Records of one hour; `received` is counted apart from the outcomes, so that their sum can be checked."""

    hour: int  # since 1970, UTC
    received: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: dict[str, int] = field(default_factory=dict)  # by reason

    def reject(self, reason: str) -> None:
        """Count a rejected record."""
        self.rejected[reason] = self.rejected.get(reason, 0) + 1

    def add(self, other: HourCounts) -> None:
        """Add what was counted elsewhere of the same hour."""
        self.received += other.received
        self.accepted += other.accepted
        self.duplicates += other.duplicates
        for reason, count in other.rejected.items():
            self.rejected[reason] = self.rejected.get(reason, 0) + count

    def copy(self) -> HourCounts:
        """The counts as they are now."""
        return HourCounts(self.hour, self.received, self.accepted, self.duplicates, dict(self.rejected))


class Tally:
    """What became of the records of one delivery."""

    __slots__ = ("_latest", "hours", "newest", "received_at")

    def __init__(self, received_at: datetime, tolerance: timedelta = NO_TOLERANCE) -> None:
        """A tally of what came at a time (aware); `tolerance` is how far in the future a time is believed."""
        self.hours: dict[int, HourCounts] = {}
        self.newest: datetime | None = None  # event time among the accepted
        self.received_at, self._latest = received_at, received_at + tolerance

    def hour(self, at: datetime | None) -> HourCounts:
        """The counts of the hour of a time; of the reception when there is none that can be believed."""
        try:
            number = hour_of(at if at is not None and at <= self._latest else self.received_at)
        except (TypeError, ValueError, OverflowError):  # formats are plugins: no aware time, or none that exists
            number = hour_of(self.received_at)
        found = self.hours.get(number)
        if found is None:
            found = self.hours[number] = HourCounts(number)
        return found

    def accept(self, hour: HourCounts, observed_at: datetime) -> None:
        """Count an accepted record with its event time (aware)."""
        hour.accepted += 1
        if self.newest is None or observed_at > self.newest:
            self.newest = observed_at


class Counts:
    """Sums of a feed's tallies; of more than `limit` hours those that were touched longest ago are let go."""

    def __init__(self, stored: Mapping[str, Any] | None = None, limit: int = MAX_HOURS) -> None:
        stored = stored or {"hours": {}, "unreported": []}
        self._hours = {int(h): _restored(int(h), c) for h, c in stored["hours"].items()}  # longest untouched first
        self._unreported: dict[int, None] = dict.fromkeys(h for h in stored["unreported"] if h in self._hours)
        self._limit = limit
        self.saved = self._changed()  # by hour, of the last save: what the ledger does not have yet

    def add(self, hours: Iterable[HourCounts]) -> None:
        """Add what was counted of these hours."""
        for counted in hours:
            known = self._hours.pop(counted.hour, None) or HourCounts(counted.hour)
            known.add(counted)
            self._hours[counted.hour] = known
            self._unreported[counted.hour] = None
        while len(self._hours) > self._limit:
            oldest = next(iter(self._hours))
            del self._hours[oldest]
            self._unreported.pop(oldest, None)

    def hours(self) -> list[HourCounts]:
        """All hours, as counted up to now."""
        return list(self._hours.values())

    def snapshot(self) -> tuple[dict[str, Any], dict[int, HourCounts]]:
        """The counts as JSON, and those that the ledger does not have yet; `saved` is to be set once it is stored."""
        hours = {str(c.hour): [c.received, c.accepted, c.duplicates, dict(c.rejected)] for c in self._hours.values()}
        return {"hours": hours, "unreported": list(self._unreported)}, self._changed()

    def reported(self, counted: HourCounts) -> None:
        """The ledger has these counts."""
        if self.saved.get(counted.hour) == counted:
            del self.saved[counted.hour]
        if self._hours.get(counted.hour) == counted:
            self._unreported.pop(counted.hour, None)

    def _changed(self) -> dict[int, HourCounts]:
        return {h: self._hours[h].copy() for h in self._unreported}


def hour_of(at: datetime) -> int:
    """Hours from 1970 to the hour of a time (aware)."""
    since = at - _EPOCH
    return since.days * 24 + since.seconds // 3600


def hour_start(number: int) -> datetime:
    """When an hour begins, UTC."""
    return _EPOCH + number * _HOUR


def _restored(hour: int, stored: list[Any]) -> HourCounts:
    received, accepted, duplicates, rejected = stored
    return HourCounts(hour, int(received), int(accepted), int(duplicates), dict(rejected))
