"""Dead letters as Elasticsearch has them: chosen by their fields, counted, and read page by page."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from elasticsearch import Elasticsearch

from runtime.dead_letters import CONTRACT
from runtime.elastic.documents import pages
from schemas import contract
from schemas.documents import document_id

PAGE = 25  # of up to a megabyte each
GROUPS = 1000
GROUPED_BY = ("tenant", "feed", "stage", "reason")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters: those with all of these properties; ``since`` is inclusive, ``until`` exclusive."""

    ids: tuple[str, ...] = ()
    tenant: str | None = None
    feed: str | None = None
    reason: str | None = None
    stage: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_all(self) -> bool:
        """Whether nothing is asked of a letter."""
        return self == Selection()

    def query(self) -> dict[str, Any]:
        """The query of Elasticsearch: values are compared, and nothing of them is interpreted."""
        wanted = {"tenant": self.tenant, "feed": self.feed, "reason": self.reason, "stage": self.stage}
        clauses: list[dict[str, Any]] = [{"term": {n: {"value": v}}} for n, v in wanted.items() if v is not None]
        if self.ids:
            clauses.append({"terms": {"dead_letter_id": list(self.ids)}})
        span = {"gte": self.since, "lt": self.until}
        bounds = {name: time.isoformat() for name, time in span.items() if time is not None}
        if bounds:
            clauses.append({"range": {"occurred_at": bounds}})
        return {"bool": {"filter": clauses}}


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter."""

    tenant: str
    dead_letter_id: str
    occurred_at: datetime
    feed: str
    event: str | None
    stage: str
    reason: str
    detail: str
    place: str
    content_type: str | None
    payload: bytes
    payload_size_bytes: int
    payload_place: str | None  # None when it was refused after Kafka

    @property
    def key(self) -> str:
        """Id of its document, and of its resolution's."""
        return document_id(contract(CONTRACT), {"tenant": self.tenant, "dead_letter_id": self.dead_letter_id})

    @property
    def is_whole(self) -> bool:
        """Whether all bytes were kept: a connector keeps only the beginning of what it does not hand on."""
        return self.stage != "connector" and len(self.payload) == self.payload_size_bytes

    @classmethod
    def of(cls, source: Mapping[str, Any]) -> Letter:
        """The letter in a document."""
        return cls(
            tenant=source["tenant"],
            dead_letter_id=source["dead_letter_id"],
            occurred_at=datetime.fromisoformat(source["occurred_at"]),
            feed=source["feed"],
            event=source.get("event"),
            stage=source["stage"],
            reason=source["reason"],
            detail=source["detail"],
            place=source["place"],
            content_type=source.get("content_type"),
            payload=base64.b64decode(source["payload"]),
            payload_size_bytes=source["payload_size_bytes"],
            payload_place=source.get("payload_place"),
        )


@dataclass(frozen=True, slots=True)
class Group:
    """Letters of one feed, stage and reason."""

    tenant: str
    feed: str
    stage: str
    reason: str
    letters_count: int
    first_at: datetime
    last_at: datetime

    @property
    def name(self) -> tuple[str, str, str, str]:
        """What they have in common."""
        return (self.tenant, self.feed, self.stage, self.reason)


def letters(es: Elasticsearch, selection: Selection) -> Iterator[list[Letter]]:
    """The letters of a selection, oldest first, some at a time."""
    for page in pages(es, contract(CONTRACT).alias, selection.query(), PAGE, sort="occurred_at"):
        yield [Letter.of(hit["_source"]) for hit in page]


def one(es: Elasticsearch, dead_letter_id: str, tenant: str | None = None) -> Letter:
    """The letter of that id.

    Raises:
        LookupError: there is none, or several tenants have one.
    """
    found = {x.key: x for page in letters(es, Selection(ids=(dead_letter_id,), tenant=tenant)) for x in page}
    if len(found) != 1:
        tenants = ", ".join(x.tenant for x in found.values())
        which = f"of {tenants}: choose with --tenant" if found else "in Elasticsearch"
        raise LookupError(f"{len(found) or 'no'} dead letters {which} have the id {dead_letter_id}")
    return next(iter(found.values()))


def count(es: Elasticsearch, selection: Selection) -> int:
    """Number of letters in a selection."""
    found = es.count(index=contract(CONTRACT).alias, query=selection.query(), ignore_unavailable=True)
    return int(found["count"])


def groups(es: Elasticsearch, selection: Selection) -> list[Group]:
    """The letters of a selection counted by tenant, feed, stage and reason."""
    return list(grouped(es, contract(CONTRACT).alias, selection.query()))


def grouped(es: Elasticsearch, index: str, query: Mapping[str, Any]) -> Iterator[Group]:
    """Documents that have a letter's fields, counted by tenant, feed, stage and reason."""
    composite: dict[str, Any] = {"size": GROUPS, "sources": [{name: {"terms": {"field": name}}} for name in GROUPED_BY]}
    edges = {name: {kind: {"field": "occurred_at"}} for name, kind in (("first", "min"), ("last", "max"))}
    while True:
        asked = {"by": {"composite": composite, "aggregations": edges}}
        answer = es.search(index=index, query=query, size=0, aggregations=asked, ignore_unavailable=True)
        found = answer.get("aggregations", {}).get("by", {"buckets": []})
        for bucket in found["buckets"]:
            times = [datetime.fromisoformat(bucket[edge]["value_as_string"]) for edge in ("first", "last")]
            yield Group(**bucket["key"], letters_count=bucket["doc_count"], first_at=times[0], last_at=times[1])
        if "after_key" not in found:
            return
        composite = {**composite, "after": found["after_key"]}
