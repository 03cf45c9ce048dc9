"""How old a document is when it can first be found: measured by looking, as a reader would.

An event's clock starts when a connector got its message or answer (``ingested_at``), a result's when the newest
observation in it was taken in. The clock stops when a search returns the document, so the search's own pace counts in.
A figure that is written again without a newer observation in it has been found before, and does not count again: a
station that is silent is not late.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate, count
from math import ceil
from threading import Event, Thread
from typing import Any

import structlog
from elasticsearch import ApiError, Elasticsearch, TransportError

from schemas import Contract, Kind, contracts

log = structlog.get_logger()

PAUSE_SECONDS = 0.2
STEP_MS = 50
KEPT = timedelta(minutes=2)  # what is fresh now, and not what once was
RESULTS_EVERY = 10  # looks
INDICES_EVERY = 10
LATEST = "city-latest"
PAGE = 10_000  # Elasticsearch's own limit for one answer
REMEMBERED = 500_000  # documents whose clock is known


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
    looks: deque[tuple[datetime, Counter[int]]] = field(default_factory=deque)  # documents by age, in steps of STEP_MS
    positions: dict[str, int] = field(default_factory=dict)

    def search(self, index: str) -> dict[str, Any]:
        """The body of a search for what is new or changed in an index: how far it goes, and when clocks started."""
        return {
            "size": 0,
            "track_total_hits": False,
            "query": {"range": {"_seq_no": {"gt": self.positions.get(index, -1)}}},
            "aggs": {
                "newest": {"max": {"field": "_seq_no"}},
                "counted": {
                    "filter": {"range": {self.clock: {"gte": self.since.isoformat()}}},
                    "aggs": {
                        "started": {
                            "date_histogram": {
                                "field": self.clock,
                                "fixed_interval": f"{STEP_MS}ms",
                                "min_doc_count": 1,
                            }
                        }
                    },
                },
            },
        }

    def take(self, index: str, answer: Mapping[str, Any], now: datetime) -> None:
        """Note the documents of one search; a document's age is never taken for less than it is."""
        found = answer["aggregations"]
        self._note(((bucket["key"], bucket["doc_count"]) for bucket in found["counted"]["started"]["buckets"]), now)
        if (newest := found["newest"]["value"]) is not None:
            self.positions[index] = round(newest)

    def _note(self, started: Iterable[tuple[float, int]], now: datetime) -> None:
        """Note documents by the start of their clock, in milliseconds since 1970."""
        ages: Counter[int] = Counter()
        for clock_ms, documents in started:
            ages[ceil((now.timestamp() * 1000 - clock_ms) / STEP_MS)] += documents
        if ages:
            self.looks.append((now, ages))
        while self.looks and self.looks[0][0] < now - KEPT:
            self.looks.popleft()

    @property
    def ages(self) -> Counter[int]:
        """Documents by age, in steps of `STEP_MS`, over the last two minutes."""
        return sum((ages for _, ages in list(self.looks)), Counter())


@dataclass
class ResultProbe(Probe):
    """Looks for figures that stand on a newer observation than when they were last seen: one by one, they are few."""

    known: OrderedDict[str, float] = field(default_factory=OrderedDict)  # clock by document, the last seen last

    def search(self, index: str) -> dict[str, Any]:
        """The body of a search for the documents that were written since the last look, and their clocks."""
        return {
            "size": PAGE,
            "track_total_hits": False,
            "_source": False,
            "docvalue_fields": [{"field": self.clock, "format": "epoch_millis"}],
            "query": {"range": {"_seq_no": {"gt": self.positions.get(index, -1)}}},
            "sort": ["_seq_no"],
        }

    def take(self, index: str, answer: Mapping[str, Any], now: datetime) -> None:
        """Note the documents of one search that have a newer clock; what a full answer left out comes with the next."""
        hits = answer["hits"]["hits"]
        clocks = {h["_id"]: float(h["fields"][self.clock][0]) for h in hits if self.clock in h.get("fields", {})}
        since_ms = self.since.timestamp() * 1000
        newer = [ms for id_, ms in clocks.items() if ms > self.known.get(id_, 0.0) and ms >= since_ms]
        for id_, ms in clocks.items():
            self.known[id_] = max(ms, self.known.pop(id_, 0.0))
        while len(self.known) > REMEMBERED:
            self.known.popitem(last=False)
        self._note(((ms, 1) for ms in newer), now)
        if hits:
            self.positions[index] = hits[-1]["sort"][0]


def percentiles(ages: Mapping[int, int]) -> Percentiles | None:
    """Median, 95th and 99th percentile of documents by age in steps of `STEP_MS`; None without a document."""
    documents = sum(ages.values())
    if not documents:
        return None
    shares = list(zip(accumulate(ages[age] for age in sorted(ages)), sorted(ages), strict=True))

    def at(share: float) -> float:
        return next(age for sum_, age in shares if sum_ >= share * documents) * STEP_MS / 1000

    return Percentiles(documents, at(0.5), at(0.95), at(0.99))


def probes(start: datetime) -> dict[str, Probe]:
    """A probe for the latest states of all entities, and one for each result."""
    return {"latest": Probe(LATEST, "ingested_at", start)} | {
        c.name: ResultProbe(c.alias, "last_ingested_at", start) for c in _results()
    }


class Watch:
    """Looks with every probe until told to stop; the latest states more often than the results."""

    def __init__(self, es: Elasticsearch, start: datetime) -> None:
        self.probes = probes(start)
        self._es = es
        self._stop = Event()
        self._indices: dict[str, list[str]] = {}
        self._thread = Thread(target=self._run, daemon=True)
        self._pass_over_what_is_there()

    def begin(self) -> Watch:
        """Look from now on, beside what else is done."""
        self._thread.start()
        return self

    def end(self) -> dict[str, Percentiles]:
        """Look no more; what was measured."""
        self._stop.set()
        self._thread.join()
        return self.found()

    def found(self) -> dict[str, Percentiles]:
        """What was measured so far, where there was anything."""
        return {name: p for name, probe in self.probes.items() if (p := percentiles(probe.ages)) is not None}

    def _run(self) -> None:
        latest = self.probes["latest"]
        results = [probe for probe in self.probes.values() if probe is not latest]
        for number in count():
            begun = time.monotonic()
            try:
                self._look([latest], renew=number % INDICES_EVERY == 0)
                if number % RESULTS_EVERY == 0:
                    self._look(results, renew=False)
            except (ApiError, TransportError) as e:
                log.warning("freshness.look_failed", error=str(e)[:200])
            if self._stop.wait(max(0.0, PAUSE_SECONDS - (time.monotonic() - begun))):
                return

    def _look(self, due: Sequence[Probe], renew: bool) -> None:
        """One request with a search in each index of the probes."""
        if renew:
            self._indices = self._known()
        wanted = [(probe, index) for probe in due for index in self._indices.get(probe.target, [])]
        if not wanted:
            return
        searches = [line for probe, index in wanted for line in ({"index": index}, probe.search(index))]
        answers = self._es.msearch(searches=searches)["responses"]
        now = datetime.now(UTC)
        for (probe, index), answer in zip(wanted, answers, strict=True):
            if "error" not in answer:  # an index that was made a moment ago may not answer yet
                probe.take(index, answer, now)

    def _pass_over_what_is_there(self) -> None:
        """Begin each probe after the newest document of its indices."""
        self._indices = self._known()
        for probe in self.probes.values():
            for index in self._indices.get(probe.target, []):
                answer = self._es.search(index=index, size=0, aggs={"newest": {"max": {"field": "_seq_no"}}})
                if (newest := answer["aggregations"]["newest"]["value"]) is not None:
                    probe.positions[index] = round(newest)

    def _known(self) -> dict[str, list[str]]:
        """Indices by the aliases they stand behind."""
        found: dict[str, list[str]] = {}
        aliases = self._es.indices.get_alias(index="city-*", ignore_unavailable=True, allow_no_indices=True)
        for index, body in aliases.items():
            for alias in body["aliases"]:
                found.setdefault(alias, []).append(index)
        return found


def _results() -> list[Contract]:
    return [c for c in contracts().values() if c.kind is Kind.RESULT]
