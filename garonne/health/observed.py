"""What Elasticsearch knows of feeds and devices: their newest observations and what their connectors counted.

The latest state of an entity names the feed that spoke of it last, so this needs no connector that runs.
"""

from __future__ import annotations

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
    return {name: found for bucket in _buckets(es) for name, found in [_heard(bucket)]}


def silent_devices(es: Elasticsearch, wanted: Sequence[Asked]) -> dict[Name, list[Device]]:
    """The devices that are asked for, the longest silent first."""
    if not wanted:
        return {}
    searches = [line for a in wanted for line in ({"index": LATEST, "ignore_unavailable": True}, _silent(a))]
    answers = es.msearch(searches=searches)["responses"]
    return {(a.feed.tenant, a.feed.id): _devices(answer) for a, answer in zip(wanted, answers, strict=True)}


def counted(es: Elasticsearch, now: datetime) -> dict[Name, Counted]:
    """What connectors counted in this hour and the one before it, by the feed's tenant and id."""
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=COUNTED_HOURS)
    answer = es.search(
        index=LEDGER,
        ignore_unavailable=True,
        size=0,
        query={
            "bool": {
                "filter": [{"term": {"counted_by": "source"}}, {"range": {"hour": {"gte": hour.isoformat()}}}],
            }
        },
        aggs={
            "feeds": {
                "multi_terms": {"terms": [{"field": "tenant"}, {"field": "counter"}], "size": MAX_DEVICES},
                "aggs": {
                    "outcomes": {
                        "terms": {"field": "outcome"},
                        "aggs": {"records": {"sum": {"field": "records_count"}}},
                    }
                },
            }
        },
    )
    return {name: found for bucket in _feeds(answer.body) for name, found in [_counted(bucket)]}


def _buckets(es: Elasticsearch) -> Iterator[Mapping[str, Any]]:
    """Feeds of the latest states, in pages."""
    sources = [{"tenant": {"terms": {"field": "tenant"}}}, {"feed": {"terms": {"field": "feed"}}}]
    after: dict[str, Any] = {}
    while True:
        answer = es.search(
            index=LATEST,
            ignore_unavailable=True,
            size=0,
            runtime_mappings=MAPPINGS,
            aggs={
                "feeds": {
                    "composite": {"size": PAGE, "sources": sources, **after},
                    "aggs": {
                        "said_at": {"max": {"field": "said_at"}},
                        "ingested_at": {"max": {"field": "ingested_at"}},
                    },
                }
            },
        )
        buckets = _feeds(answer.body)
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


def _feeds(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The buckets of an answer; one over no index at all has none."""
    return list(answer.get("aggregations", {}).get("feeds", {}).get("buckets", []))


def _heard(bucket: Mapping[str, Any]) -> tuple[Name, Heard]:
    key = bucket["key"]
    times = _time(bucket["said_at"]["value"]), _time(bucket["ingested_at"]["value"])
    return (key["tenant"], key["feed"]), Heard(*times, bucket["doc_count"])


def _counted(bucket: Mapping[str, Any]) -> tuple[Name, Counted]:
    tenant, feed = bucket["key"]
    records = {b["key"]: round(b["records"]["value"]) for b in bucket["outcomes"]["buckets"]}
    return (tenant, feed), Counted(records.get("received", 0), records.get("rejected", 0))


def _devices(answer: Mapping[str, Any]) -> list[Device]:
    hits = answer.get("hits", {}).get("hits", [])
    return [Device(h["fields"]["entity_id"][0], _time(float(h["fields"]["said_at"][0]))) for h in hits]


def _time(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
