"""The ledger: what the connectors say they accepted, beside what is in Elasticsearch, by feed, job and hour.

The sink is not counted as it is written but as it stands: the documents themselves are added up. So no crash, repeat
or replay can make the count wrong, and a record that is lost anywhere on the way shows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from jobs.job import all_jobs

LEDGER = "ledger"
NEVER = datetime.min.replace(tzinfo=UTC)
# How long after the newest record of an hour its counts are final: a connector's save, the way to the index.
FEED_SETTLES = timedelta(seconds=30)
JOB_MARGIN = timedelta(seconds=30)  # beyond the job's freshness


@dataclass(frozen=True)
class Span:
    """Hours of event time, [start, end), UTC."""

    start: datetime
    end: datetime

    def clause(self, time: str) -> dict[str, Any]:
        """The documents whose time lies in it."""
        return {"range": {time: {"gte": self.start.isoformat(), "lt": self.end.isoformat()}}}


@dataclass
class FeedHour:
    """A feed's records of an hour of event time."""

    tenant: str
    feed: str
    event: str
    hour: datetime
    received: int = 0
    accepted: int = 0
    duplicate: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    indexed: int = 0
    changed_at: datetime = NEVER

    def problem(self) -> str | None:
        """What does not add up; None when all does."""
        known = self.accepted + self.duplicate + self.rejected.total()
        if self.received != known:
            return f"{self.received:,} received, {known:,} accounted for"
        if self.accepted > self.indexed:
            return f"{self.accepted - self.indexed:,} accepted and not in the index"
        if self.indexed > self.accepted:
            return f"{self.indexed - self.accepted:,} in the index that no connector accepted"
        return None

    def is_settled(self, now: datetime) -> bool:
        """Whether its counts are final as far as can be known."""
        return now - self.changed_at >= FEED_SETTLES


@dataclass
class JobHour:
    """A job's observations of an hour of event time."""

    tenant: str
    job: str
    event: str
    hour: datetime
    expected: int = 0
    in_results: int = 0
    late: int = 0
    repaired: int = 0
    changed_at: datetime = NEVER

    def problem(self) -> str | None:
        """What does not add up; None when all does. What waits for a repair may be missing until then."""
        missing = self.expected - self.in_results
        if missing > self.late - self.repaired:
            return f"{missing - (self.late - self.repaired):,} indexed and in no result"
        if missing < 0:
            return f"{-missing:,} in results that are not in the index"
        return None

    def is_settled(self, now: datetime) -> bool:
        """Whether its counts are final as far as can be known."""
        return now - self.changed_at >= all_jobs()[self.job].freshness + JOB_MARGIN


@dataclass
class Ledger:
    """All that was counted of a span."""

    feeds: list[FeedHour]
    jobs: list[JobHour]

    def problems(self, now: datetime | None = None) -> list[tuple[FeedHour | JobHour, str]]:
        """What does not add up, in the hours that are settled by now; without a time, in all of them."""
        every: list[FeedHour | JobHour] = [*self.feeds, *self.jobs]
        judged = [h for h in every if now is None or h.is_settled(now)]
        return [(h, problem) for h in judged if (problem := h.problem())]


def rows(counted: Ledger, now: datetime) -> Iterator[dict[str, Any]]:
    """The sink's side as records of the contract `ledger`; the connectors send theirs themselves."""
    for f in counted.feeds:
        yield _row(f, f.feed, "sink", "indexed", f.indexed, now)
    for j in counted.jobs:
        for outcome in ("expected", "in_results", "late", "repaired"):
            yield _row(j, j.job, "job", outcome, getattr(j, outcome), now)


def _row(of: FeedHour | JobHour, counter: str, by: str, outcome: str, count: int, now: datetime) -> dict[str, Any]:
    return {
        "tenant": of.tenant,
        "counter": counter,
        "counted_by": by,
        "event": of.event,
        "hour": of.hour,
        "outcome": outcome,
        "reason": "",
        "records_count": count,
        "counted_at": now,
    }
