"""The ledger's rows of what was replayed: counted anew from all that is resolved, so the same however often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any, NamedTuple

from elasticsearch import Elasticsearch

from runtime.elastic.letters import Letter
from runtime.elastic.resolutions import Resolution, event_times
from runtime.endpoints import Endpoints
from runtime.records import RecordProducer
from schemas import contract

LEDGER = "ledger"
OUTCOMES = ("received", "accepted")  # received anew: what the connector said of the record stays as it is
HOUR = timedelta(hours=1)


class _Feed(NamedTuple):
    tenant: str
    feed: str
    event: str


class ReplayCounts:
    """Remembers hours of event time in which something was replayed, and sends how much that is by now."""

    def __init__(self, endpoints: Endpoints, es: Elasticsearch) -> None:
        self._endpoints, self._es = endpoints, es
        self._hours: dict[_Feed, set[datetime]] = {}

    def touch(self, letter: Letter, resolution: Resolution) -> None:
        """A letter is resolved; what was refused after Kafka had been accepted before, and is not counted again."""
        if resolution.events and resolution.event and letter.payload_place is not None:
            feed = _Feed(letter.tenant, letter.feed, resolution.event)
            self._hours.setdefault(feed, set()).update(_hour(e.observed_at) for e in resolution.events)

    def send(self) -> None:
        """Send the rows of the hours that were touched.

        Raises:
            OSError: Kafka or the registry does not answer; a later replay of the same letters sends them.
        """
        rows = [row for feed, hours in self._hours.items() for row in self._rows(feed, hours)]
        if rows:
            RecordProducer(self._endpoints, contract(LEDGER)).send(rows)
        self._hours.clear()

    def _rows(self, feed: _Feed, hours: set[datetime]) -> Iterator[dict[str, Any]]:
        now = datetime.now(UTC)  # before it is counted, so that a later count is the more complete one
        counts = Counter(map(_hour, event_times(self._es, *feed, min(hours), max(hours) + HOUR)))
        for hour, outcome in product(sorted(hours), OUTCOMES):
            yield {
                "tenant": feed.tenant,
                "counter": f"{feed.feed}/replay",
                "counted_by": "source",
                "event": feed.event,
                "hour": hour,
                "outcome": outcome,
                "reason": "",
                "records_count": counts[hour],
                "counted_at": now,
            }


def _hour(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
