"""The metrics of one feed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from connectors.feed import Feed
from connectors.model import Reason
from runtime import metrics

log = structlog.get_logger()


@dataclass(slots=True)
class Tally:
    """What became of the records of one delivery."""

    accepted: int = 0
    duplicates: int = 0
    rejected: Counter[Reason] = field(default_factory=Counter)
    newest: datetime | None = None  # event time among the accepted

    def accept(self, observed_at: datetime) -> None:
        """Count an accepted record with its event time (aware)."""
        self.accepted += 1
        if self.newest is None or observed_at > self.newest:
            self.newest = observed_at


class Meter:
    """Counts for Prometheus; records are counted when Kafka has them."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._labels = {"feed": feed.id, "tenant": feed.tenant}
        self._accepted = metrics.FEED_RECORDS.labels(outcome="accepted", **self._labels)
        self._duplicates = metrics.FEED_RECORDS.labels(outcome="duplicate", **self._labels)
        self._rejected = metrics.FEED_RECORDS.labels(outcome="rejected", **self._labels)
        self._payloads = metrics.FEED_PAYLOADS.labels(**self._labels)
        self._last_observed = metrics.FEED_LAST_OBSERVED.labels(**self._labels)
        self._seconds = metrics.FEED_PAYLOAD_SECONDS.labels(feed=feed.id)
        self._newest: datetime | None = None
        if feed.period_seconds is not None:
            metrics.FEED_PERIOD.labels(**self._labels).set(feed.period_seconds)

    def payload(self) -> None:
        """A payload came."""
        self._payloads.inc()

    def settled(self, tally: Tally, received_at: datetime) -> None:
        """Kafka has all records of a payload that came at a time (aware)."""
        if tally.accepted:
            self._accepted.inc(tally.accepted)
        if tally.duplicates:
            self._duplicates.inc(tally.duplicates)
        for reason, count in tally.rejected.items():
            self._rejected.inc(count)
            metrics.FEED_REJECTED.labels(reason=reason.value, **self._labels).inc(count)
        if tally.newest is not None and (self._newest is None or tally.newest > self._newest):
            self._newest = tally.newest
            self._last_observed.set(tally.newest.timestamp())
        self._seconds.observe((datetime.now(UTC) - received_at).total_seconds())

    def error(self, kind: str, error: Exception) -> None:
        """An attempt failed and will be repeated."""
        metrics.FEED_ERRORS.labels(kind=kind, **self._labels).inc()
        log.warning("feed.error", feed=self._feed.id, tenant=self._feed.tenant, kind=kind, error=str(error))
