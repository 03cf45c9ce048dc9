"""How old a document is when it can first be found: measured by looking, as a reader would.

An event's clock starts when a connector got its message or answer (``ingested_at``), a result's when the newest
observation in it was taken in. The clock stops when a search returns the document, so the search's own pace counts in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event
from typing import Any

import structlog
from elasticsearch import ApiError, Elasticsearch, TransportError

from schemas import Contract, Kind, contracts

log = structlog.get_logger()

PAUSE_SECONDS = 0.2
PAGE = 2000
LATEST = "city-latest"


@dataclass(frozen=True)
class Percentiles:
    """Ages in seconds over a number of documents."""

    count: int
    p50: float
    p95: float
    p99: float


@dataclass
class Probe:
    """Looks again and again for documents that were not there before, by the sequence numbers of their indices."""

    target: str  # alias
    clock: str  # field that starts the clock
    since: datetime  # clocks started earlier are not counted
    ages: list[float] = field(default_factory=list)
    positions: dict[str, int] = field(default_factory=dict)

    def begin(self, es: Elasticsearch) -> None:
        """Leave what is there already out of account."""
        for index in self._indices(es):
            newest = es.search(index=index, size=1, sort=[{"_seq_no": "desc"}], source=False, seq_no_primary_term=True)
            self.positions[index] = max((h["_seq_no"] for h in newest["hits"]["hits"]), default=-1)

    def look(self, es: Elasticsearch, now: Callable[[], datetime]) -> None:
        """One search in each index; the age of every document that is new or changed since the last."""
        for index in self._indices(es):
            hits = es.search(
                index=index,
                query={"range": {"_seq_no": {"gt": self.positions.get(index, -1)}}},
                sort=[{"_seq_no": "asc"}],
                size=PAGE,
                source_includes=[self.clock],
            )["hits"]["hits"]
            self.take(index, hits, now())

    def take(self, index: str, hits: Sequence[Mapping[str, Any]], now: datetime) -> None:
        """Note the documents of one search."""
        started = [datetime.fromisoformat(h["_source"][self.clock]) for h in hits]
        self.ages += [(now - t).total_seconds() for t in started if t >= self.since]
        if hits:
            self.positions[index] = hits[-1]["sort"][0]

    def _indices(self, es: Elasticsearch) -> list[str]:
        found = es.indices.get_alias(index="city-*", ignore_unavailable=True, allow_no_indices=True)
        return sorted(name for name, body in found.items() if self.target in body["aliases"])


def percentiles(ages: Sequence[float]) -> Percentiles | None:
    """Median, 95th and 99th percentile; None without a document."""
    if not ages:
        return None
    ordered = sorted(ages)

    def at(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    return Percentiles(len(ordered), at(0.5), at(0.95), at(0.99))


def probes(start: datetime) -> dict[str, Probe]:
    """A probe for the latest states of all entities, and one for each result."""
    return {"latest": Probe(LATEST, "ingested_at", start)} | {
        c.name: Probe(c.alias, "last_ingested_at", start) for c in _results()
    }


def watch(es: Elasticsearch, stop: Event, found: dict[str, Probe]) -> None:
    """Look with every probe until ``stop`` is set; the latest states more often than the results."""
    rounds = 0
    while not stop.is_set():
        begun = time.monotonic()
        for name, probe in found.items():
            if name == "latest" or rounds % 5 == 0:
                try:
                    probe.look(es, lambda: datetime.now(UTC))
                except (ApiError, TransportError) as e:
                    log.warning("freshness.look_failed", probe=name, error=str(e)[:200])
        rounds += 1
        stop.wait(max(0.0, PAUSE_SECONDS - (time.monotonic() - begun)))


def by_name(found: Mapping[str, Probe]) -> dict[str, Percentiles]:
    """What the probes measured, where they found anything."""
    return {name: p for name, probe in found.items() if (p := percentiles(probe.ages)) is not None}


def _results() -> list[Contract]:
    return [c for c in contracts().values() if c.kind is Kind.RESULT]
