"""What the ledger counts in Elasticsearch: the connectors' rows, documents by feed and hour, and results' counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from elasticsearch import Elasticsearch

from jobs.engine.late import LATE
from jobs.engine.ledger import LEDGER, FeedHour, JobHour, Ledger, Span
from jobs.job import Job, all_jobs
from schemas import Contract, Kind, contract, contracts

PAGE = 5000
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def counted(es: Elasticsearch, span: Span) -> Ledger:
    """Count a span: what the connectors said, and what the indices hold now."""
    return Ledger(_feeds(es, span), [h for job in all_jobs().values() if job.counted for h in _job(es, job, span)])


def oldest_since(es: Elasticsearch, since: datetime) -> datetime | None:
    """The first hour of which an observation was taken in, or found late or repaired, since a time."""
    changes = [(c.alias, "observed_at", c.version) for c in (*_events(), contract(LATE))]
    found: list[datetime] = []
    for alias, time, change in changes:
        answer = es.search(
            index=alias,
            size=0,
            query={"range": {change: {"gte": since.isoformat()}}},
            aggs={"oldest": {"min": {"field": time}}},
            ignore_unavailable=True,
        )
        if (oldest := answer.get("aggregations", {}).get("oldest", {}).get("value")) is not None:
            found.append(_time(oldest))
    return min(found).replace(minute=0, second=0, microsecond=0) if found else None


def of_the_last_day(es: Elasticsearch, now: datetime) -> Span:
    """The hours of the last day, and the earlier ones of which something came in it: what is late is judged as well."""
    begin = now - DAY
    oldest = min(begin, oldest_since(es, begin) or begin)
    return Span(oldest.replace(minute=0, second=0, microsecond=0), now + HOUR)


def _feeds(es: Elasticsearch, span: Span) -> list[FeedHour]:
    found: dict[tuple[str, str, str, datetime], FeedHour] = {}

    def of(tenant: str, feed: str, event: str, hour: datetime) -> FeedHour:
        return found.setdefault((tenant, feed, event, hour), FeedHour(tenant, feed, event, hour))

    keys = ("tenant", "counter", "event", "outcome", "reason")
    said = _tally(es, contract(LEDGER), "hour", keys, "counted_at", span, [{"term": {"counted_by": "source"}}])
    for key, hour, count, changed_at in said:
        # a feed's other counters, such as that of its replayed dead letters, are called after it
        one = of(key["tenant"], key["counter"].split("/", 1)[0], key["event"], hour)
        if key["outcome"] == "rejected":
            one.rejected[key["reason"]] += count
        else:
            setattr(one, key["outcome"], getattr(one, key["outcome"]) + count)
        one.changed_at = max(one.changed_at, changed_at)
    for event in _events():
        for key, hour, count, changed_at in _tally(es, event, event.time, ("tenant", "feed"), "ingested_at", span):
            one = of(key["tenant"], key["feed"], event.name, hour)
            one.indexed = count
            one.changed_at = max(one.changed_at, changed_at)
    return [found[key] for key in sorted(found)]


def _job(es: Elasticsearch, job: Job, span: Span) -> list[JobHour]:
    found: dict[tuple[str, datetime], JobHour] = {}
    if job.counted is None:
        return []

    def of(tenant: str, hour: datetime) -> JobHour:
        return found.setdefault((tenant, hour), JobHour(tenant, job.name, job.reads, hour))

    event, result, late = contract(job.reads), contract(job.result), contract(LATE)
    read = [*_terms(job.counted.where), *({"exists": {"field": name}} for name in job.counted.needs)]
    for key, hour, count, changed_at in _tally(es, event, event.time, ("tenant",), "ingested_at", span, read):
        one = of(key["tenant"], hour)
        one.expected, one.changed_at = count, max(one.changed_at, changed_at)
    part, sums = _terms(job.part), job.counted.sums
    for key, hour, count, _ in _tally(es, result, result.time, ("tenant",), "last_ingested_at", span, part, sums):
        of(key["tenant"], hour).in_results = count
    kept = [*_terms({"job": job.name}), {"term": {"is_in_window": True}}]
    for outcome, more in (("late", []), ("repaired", [{"exists": {"field": "repaired_at"}}])):
        tally = _tally(es, late, "observed_at", ("tenant",), "updated_at", span, [*kept, *more])
        for key, hour, count, changed_at in tally:
            one = of(key["tenant"], hour)
            setattr(one, outcome, count)
            one.changed_at = max(one.changed_at, changed_at)
    return [found[key] for key in sorted(found)]


Tallied = tuple[Mapping[str, str], datetime, int, datetime]


def _tally(
    es: Elasticsearch,
    of: Contract,
    time: str,
    keys: Sequence[str],
    change: str,
    span: Span,
    clauses: Iterable[Mapping[str, Any]] = (),
    sums: Sequence[str] = (),
) -> Iterator[Tallied]:
    """Documents by key and hour: their number or the sums of fields, and the newest of the times at which they changed.

    A ledger's own rows carry their number in a field.
    """
    sums = sums or (("records_count",) if of.name == LEDGER else ())
    sources: list[dict[str, Any]] = [{k: {"terms": {"field": k}}} for k in keys]
    sources.append({"hour": {"date_histogram": {"field": time, "fixed_interval": "1h"}}})
    aggregations = {"changed": {"max": {"field": change}}, **{s: {"sum": {"field": s}} for s in sums}}
    after: dict[str, Any] = {}
    if not es.indices.exists(index=of.alias):
        return
    while True:
        composite = {"size": PAGE, "sources": sources, **after}
        found = es.search(
            index=of.alias,
            size=0,
            query={"bool": {"filter": [span.clause(time), *clauses]}},
            aggs={"by": {"composite": composite, "aggs": aggregations}},
        )["aggregations"]["by"]
        for bucket in found["buckets"]:
            count = sum(round(bucket[s]["value"]) for s in sums) if sums else bucket["doc_count"]
            yield bucket["key"], _time(bucket["key"]["hour"]), count, _time(bucket["changed"]["value"] or 0)
        if "after_key" not in found:
            return
        after = {"after": found["after_key"]}


def _events() -> list[Contract]:
    return [c for c in contracts().values() if c.kind is Kind.EVENT]


def _terms(values: Mapping[str, str]) -> list[Mapping[str, Any]]:
    return [{"term": {name: value}} for name, value in values.items()]


def _time(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
