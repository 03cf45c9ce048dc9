"""What a feed declares and what was heard of it come in, a verdict goes out. Nothing here asks anybody anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from connectors.feed import FeedHead

MOSTLY = 0.5  # share of rejected records from which the feed is at fault, and not its records


class State(StrEnum):
    """How a feed is."""

    OK = "ok"
    UNDECLARED = "no period"  # it speaks, and nobody said how often it should
    PARTIAL = "partial"  # it speaks, and some of its devices do not
    LATE = "late"  # records come in, and all are older than two periods: its past is read, or it publishes late
    STALE = "stale"  # its newest observation is older than two periods, whatever its server answers
    SILENT = "silent"  # no observation at all
    BROKEN = "broken"  # paused, or most of what it sends is rejected

    @property
    def is_good(self) -> bool:
        """Whether nobody has to look at the feed."""
        return self in (State.OK, State.UNDECLARED)


@dataclass(frozen=True)
class Heard:
    """What is in Elasticsearch of a feed.

    A time that lies after its own intake counts as the time of intake: a clock that runs ahead hides no silence.
    """

    said_at: datetime  # newest event time
    ingested_at: datetime  # of the newest record
    devices_count: int


@dataclass(frozen=True)
class Device:
    """A device and the event time of the last it said."""

    entity_id: str
    said_at: datetime


@dataclass(frozen=True)
class Counted:
    """What a feed's connector counted of late."""

    received: int
    rejected: int

    @property
    def rejected_share(self) -> float | None:
        """Share (0–1) of the received records that were rejected; None when none was received."""
        return self.rejected / self.received if self.received else None


@dataclass(frozen=True)
class Verdict:
    """How a feed is, and what that stands on."""

    feed: str
    tenant: str
    state: State
    reason: str  # for people; empty when there is nothing to say
    said_at: datetime | None
    age_seconds: float | None  # of its newest observation
    period_seconds: float | None
    devices_count: int
    rejected_share: float | None
    silent_devices: tuple[Device, ...]


def judged(
    head: FeedHead,
    heard: Heard | None,
    counted: Counted | None,
    silent: Sequence[Device],
    is_paused: bool,
    now: datetime,
) -> Verdict:
    """How a feed is at a time (aware); `silent` are the devices that said nothing since they should have."""
    share = counted.rejected_share if counted else None
    state, reason = _state(head, heard, share, silent, is_paused, now)
    return Verdict(
        feed=head.id,
        tenant=head.tenant,
        state=state,
        reason=reason,
        said_at=heard.said_at if heard else None,
        age_seconds=(now - heard.said_at).total_seconds() if heard else None,
        period_seconds=head.period_seconds,
        devices_count=heard.devices_count if heard else 0,
        rejected_share=share,
        silent_devices=tuple(silent) if state is State.PARTIAL or (state is State.BROKEN and silent) else (),
    )


def _state(
    head: FeedHead,
    heard: Heard | None,
    share: float | None,
    silent: Sequence[Device],
    is_paused: bool,
    now: datetime,
) -> tuple[State, str]:
    if is_paused:
        return State.BROKEN, "paused: most of what it brings is bad; it goes on when its newest data are good"
    if share is not None and share > MOSTLY:
        return State.BROKEN, f"{share:.0%} of what it sends is rejected"
    if heard is None:
        return State.SILENT, "nothing of it was ever accepted"
    since = head.heard_since(now)
    if since is None or head.period_seconds is None:
        return State.UNDECLARED, "no period_seconds is declared for it"
    if heard.said_at < since:
        return _old(heard, timedelta(seconds=head.period_seconds), now)
    if silent:
        return State.PARTIAL, f"{len(silent)} of {heard.devices_count} devices say nothing"
    return State.OK, ""


def _old(heard: Heard, period: timedelta, now: datetime) -> tuple[State, str]:
    if now - heard.ingested_at <= period:
        return State.LATE, "records come in, and are older than two periods"
    return State.STALE, f"nothing newer than {heard.said_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
