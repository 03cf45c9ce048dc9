"""The metrics of one feed."""

from __future__ import annotations

from datetime import UTC, datetime

import structlog

from connectors.counts import Tally
from connectors.feed import Feed
from runtime import metrics

log = structlog.get_logger()


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
        self._paused = metrics.FEED_PAUSED.labels(**self._labels)
        self._is_paused = False
        self._newest: datetime | None = None
        if feed.period_seconds is not None:
            metrics.FEED_PERIOD.labels(**self._labels).set(feed.period_seconds)

    def payload(self) -> None:
        """A payload came."""
        self._payloads.inc()

    def settled(self, tally: Tally) -> int:
        """Kafka has all records of a payload; how many there were."""
        received = 0
        for counted in tally.hours.values():
            received += counted.received
            if counted.accepted:
                self._accepted.inc(counted.accepted)
            if counted.duplicates:
                self._duplicates.inc(counted.duplicates)
            for reason, count in counted.rejected.items():
                self._rejected.inc(count)
                metrics.FEED_REJECTED.labels(reason=reason, **self._labels).inc(count)
        if tally.newest is not None and (self._newest is None or tally.newest > self._newest):
            self._newest = tally.newest
            self._last_observed.set(tally.newest.timestamp())
        self._seconds.observe((datetime.now(UTC) - tally.received_at).total_seconds())
        return received

    def paused(self, why: Exception) -> None:
        """Most of what comes is bad, and nothing more is taken; it is said once."""
        if not self._is_paused:
            effect = "it keeps its place and tries again; mend the feed's YAML and start the connectors, or its source"
            log.error("feed.paused", feed=self._feed.id, tenant=self._feed.tenant, error=str(why), effect=effect)
        self._is_paused = True
        self._paused.set(1)

    def resumed(self) -> None:
        """What comes is good again."""
        if self._is_paused:
            log.info("feed.resumed", feed=self._feed.id, tenant=self._feed.tenant)
        self._is_paused = False
        self._paused.set(0)

    def error(self, kind: str, error: Exception) -> None:
        """An attempt failed and will be repeated."""
        metrics.FEED_ERRORS.labels(kind=kind, **self._labels).inc()
        log.warning("feed.error", feed=self._feed.id, tenant=self._feed.tenant, kind=kind, error=str(error))
