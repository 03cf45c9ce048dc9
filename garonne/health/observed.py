"""What Elasticsearch knows of feeds and devices: their newest observations and what their connectors counted.

The latest state of an entity names the feed that spoke of it last, so this needs no connector that runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from elasticsearch import Elasticsearch

from connectors.feed import FeedHead
from garonne.freshness import LATEST
from garonne.health.judgement import Counted, Device, Heard
from schemas import contract

LEDGER = contract("ledger").alias
PAGE = 1000
MAX_DEVICES = 10_000  # listed of one feed; Elasticsearch's own limit for one answer
COUNTED_HOURS = 1  # before the hour that runs
SAID_AT = """
long observed = doc['observed_at'].value.toInstant().toEpochMilli();
long ingested = doc['ingested_at'].value.toInstant().toEpochMilli();
emit((long) Math.min(observed, ingested));
"""
MAPPINGS = {"said_at": {"type": "date", "script": {"source": SAID_AT}}}

Name = tuple[str, str]  # tenant and feed


@dataclass(frozen=True)
class Asked:
    """Which devices of a feed are asked for: those heard last before one time, and not before the other."""

    feed: FeedHead
    silent_since: datetime
    known_since: datetime  # who has said nothing for longer is gone


def asked(feed: FeedHead, now: datetime) -> Asked | None:
    """Which devices of a feed are silent at a time (aware); None when it declares no period.

    A device that was not heard for as long as observations are kept is gone, and no longer missed.
    """
    since = feed.devices_heard_since(now)
    if since is None:
        return None
    return Asked(feed, since, now - timedelta(days=contract(feed.event).declaration.retention_days))


def heard(es: Elasticsearch) -> dict[Name, Heard]:
    """What was heard of every feed that ever had a record accepted."""
    newest = {name: {"max": {"field": name}} for name in ("said_at", "ingested_at")}
    buckets = _pages(es, LATEST, ("tenant", "feed"), newest, runtime_mappings=MAPPINGS)
    return {(b["key"]["tenant"], b["key"]["feed"]): _heard(b) for b in buckets}


def silent_devices(es: Elasticsearch, wanted: Sequence[Asked]) -> dict[Name, list[Device]]:
    """The devices that are asked for, the longest silent first."""
    if not wanted:
        return {}
    searches = [line for a in wanted for line in ({"index": LATEST, "ignore_unavailable": True}, _silent(a))]
    answers = es.msearch(searches=searches)["responses"]
    return {(a.feed.tenant, a.feed.id): _devices(answer) for a, answer in zip(wanted, answers, strict=True)}


def counted(es: Elasticsearch, now: datetime) -> dict[Name, Counted]:
    """What connectors counted in this hour and the one before it, by the feed's tenant and id.

    By when it was counted: of what is rejected no event time may be known, so that in a feed that catches up with its
    past the rejected stand in hours of now and the accepted in those of the past.
    """
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=COUNTED_HOURS)
    query = {
        "bool": {"filter": [{"term": {"counted_by": "source"}}, {"range": {"counted_at": {"gte": hour.isoformat()}}}]}
    }
    records = {"records": {"sum": {"field": "records_count"}}}
    found: dict[Name, Counter[str]] = {}
    for b in _pages(es, LEDGER, ("tenant", "counter", "outcome"), records, query=query):
        of_feed = found.setdefault((b["key"]["tenant"], b["key"]["counter"]), Counter())
        of_feed[b["key"]["outcome"]] += round(b["records"]["value"])
    return {name: Counted(of_feed["received"], of_feed["rejected"]) for name, of_feed in found.items()}


def _pages(
    es: Elasticsearch, index: str, fields: Sequence[str], aggs: Mapping[str, Any], **more: Any
) -> Iterator[Mapping[str, Any]]:
    """A bucket for each combination of the fields' values; none while there is no such index."""
    sources = [{name: {"terms": {"field": name}}} for name in fields]
    after: dict[str, Any] = {}
    while True:
        by = {"composite": {"size": PAGE, "sources": sources, **after}, "aggs": aggs}
        answer = es.search(index=index, ignore_unavailable=True, size=0, aggs={"by": by}, **more).body
        buckets = answer.get("aggregations", {}).get("by", {}).get("buckets", [])
        yield from buckets
        if len(buckets) < PAGE:
            return
        after = {"after": buckets[-1]["key"]}


def _silent(a: Asked) -> dict[str, Any]:
    said = {"gte": a.known_since.isoformat(), "lt": a.silent_since.isoformat()}
    terms = [{"term": {"tenant": a.feed.tenant}}, {"term": {"feed": a.feed.id}}]
    return {
        "size": MAX_DEVICES,
        "_source": False,
        "track_total_hits": False,
        "runtime_mappings": MAPPINGS,
        "query": {"bool": {"filter": [*terms, {"range": {"said_at": said}}]}},
        "fields": ["entity_id", {"field": "said_at", "format": "epoch_millis"}],
        "sort": [{"said_at": "asc"}, {"entity_id": "asc"}],
    }


def _heard(bucket: Mapping[str, Any]) -> Heard:
    return Heard(_time(bucket["said_at"]["value"]), _time(bucket["ingested_at"]["value"]), bucket["doc_count"])


def _devices(answer: Mapping[str, Any]) -> list[Device]:
    hits = answer.get("hits", {}).get("hits", [])
    return [Device(h["fields"]["entity_id"][0], _time(float(h["fields"]["said_at"][0]))) for h in hits]


def _time(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
