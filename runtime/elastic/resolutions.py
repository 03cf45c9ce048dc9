"""What became of dead letters: one document for each, by which a letter is replayed once however often one asks.

The events of a letter are settled in its document before the first of them is sent. Only one process can do that, and
whoever has to finish the work of one that died sends the very same bytes.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import orjson
from elasticsearch import Elasticsearch

from runtime.elastic.documents import pages
from runtime.elastic.letters import PAGE, Letter, Selection, grouped
from schemas import contract
from schemas.documents import document_id, index_name

CONTRACT = "dead_letter_resolution"
LEASE = timedelta(minutes=5)  # longer than sending may take: after that whoever settled the events is gone

State = Literal["fixed", "sending", "resolved"]


@dataclass(frozen=True, slots=True)
class Sent:
    """One event of a letter, as it goes to Kafka."""

    entity_id: str
    observed_at: datetime
    value: bytes


@dataclass(frozen=True, slots=True)
class Resolution:
    """What is known of a letter's way back."""

    tenant: str
    dead_letter_id: str
    occurred_at: datetime
    feed: str
    stage: str
    reason: str
    state: State
    updated_at: datetime
    fix: bytes | None = None
    event: str | None = None
    events: tuple[Sent, ...] = ()

    @classmethod
    def begun(cls, letter: Letter, state: State, now: datetime) -> Resolution:
        """The first that is said of a letter, at a time (aware)."""
        copied = (letter.occurred_at, letter.feed, letter.stage, letter.reason)
        return cls(letter.tenant, letter.dead_letter_id, *copied, state, now)

    def record(self) -> dict[str, Any]:
        """It as a value of its contract."""
        plain = {name: getattr(self, name) for name in contract(CONTRACT).field_names}
        return {**plain, "events": [{n: getattr(e, n) for n in Sent.__slots__} for e in self.events]}

    def settles(self, letter: Letter) -> bool:
        """Whether the letter needs nothing more; an index may refuse an event again after it was replayed."""
        was_refused_again = letter.stage == "index" and letter.occurred_at > self.updated_at
        return self.state == "resolved" and not was_refused_again

    def is_being_sent(self, now: datetime) -> bool:
        """Whether another process is at it."""
        return self.state == "sending" and now - self.updated_at < LEASE


@dataclass(frozen=True, slots=True)
class Stored:
    """A resolution as it stands in Elasticsearch, to be replaced only as long as it stands so."""

    resolution: Resolution
    index: str
    condition: Mapping[str, int] = field(default_factory=dict)  # empty: it must not be there yet


def known(es: Elasticsearch, letters: Iterable[Letter]) -> dict[str, Stored]:
    """What is known of letters, by their key."""
    query = {"ids": {"values": [x.key for x in letters]}}
    return {hit["_id"]: _stored(hit) for page in pages(es, contract(CONTRACT).alias, query, PAGE) for hit in page}


def event_times(
    es: Elasticsearch, tenant: str, feed: str, event: str, since: datetime, until: datetime
) -> Iterator[datetime]:
    """Event times of what a feed's letters were replayed as; those of [since, until) are all among them."""
    terms = {"tenant": tenant, "feed": feed, "event": event, "state": "resolved"}
    span = {"range": {"events.observed_at": {"gte": since.isoformat(), "lt": until.isoformat()}}}
    query = {"bool": {"filter": [*({"term": {n: {"value": v}}} for n, v in terms.items()), span]}}
    for page in pages(es, contract(CONTRACT).alias, query, source=["events.observed_at"]):
        for hit in page:
            yield from (datetime.fromisoformat(e["observed_at"]).astimezone(UTC) for e in hit["_source"]["events"])


def resolved_groups(es: Elasticsearch, selection: Selection) -> dict[tuple[str, str, str, str], int]:
    """How many letters of a selection are resolved, by tenant, feed, stage and reason."""
    query = {"bool": {"filter": [selection.query(), {"term": {"state": {"value": "resolved"}}}]}}
    return {g.name: g.letters_count for g in grouped(es, contract(CONTRACT).alias, query)}


def keep(es: Elasticsearch, wanted: Sequence[tuple[Resolution, Stored | None]]) -> dict[str, Stored]:
    """Write resolutions in the place of what was known, visible at once; those another was quicker with are missing.

    Raises:
        elasticsearch.ApiError: Elasticsearch refuses the request.
        RuntimeError: it refuses a document.
    """
    if not wanted:
        return {}
    described = contract(CONTRACT)
    lines: list[dict[str, Any]] = []
    places: list[tuple[str, str, Resolution]] = []
    for resolution, before in wanted:
        record = resolution.record()
        index = before.index if before else index_name(described, resolution.tenant, resolution.occurred_at)
        id_ = document_id(described, record)
        action = {"index": {**before.condition}} if before else {"create": {}}
        lines += [{verb: {"_index": index, "_id": id_, **rest} for verb, rest in action.items()}, _source(record)]
        places.append((index, id_, resolution))
    answer = es.bulk(operations=lines, refresh=True)
    kept: dict[str, Stored] = {}
    for (index, id_, resolution), item in zip(places, answer["items"], strict=True):
        result = next(iter(item.values()))
        if result["status"] < 300:
            condition = {"if_seq_no": result["_seq_no"], "if_primary_term": result["_primary_term"]}
            kept[id_] = Stored(resolution, index, condition)
        elif result["status"] != 409:
            raise RuntimeError(f"Elasticsearch refuses the resolution {id_}: {result['error'].get('reason')}")
    return kept


def fix(es: Elasticsearch, letter: Letter, payload: bytes, now: datetime) -> None:
    """Keep a corrected payload for a letter, instead of one that was kept before.

    Raises:
        RuntimeError: the letter is replayed already, or just now.
    """
    before = known(es, [letter]).get(letter.key)
    if before and (before.resolution.settles(letter) or before.resolution.state == "sending"):
        raise RuntimeError(f"{letter.dead_letter_id} is replayed already, a fix comes too late")
    made = replace(Resolution.begun(letter, "fixed", now), fix=payload)
    if not keep(es, [(made, before)]):
        raise RuntimeError(f"{letter.dead_letter_id} is being replayed or fixed by another at this moment")


def _source(record: Mapping[str, Any]) -> dict[str, Any]:
    return dict(orjson.loads(orjson.dumps({k: v for k, v in record.items() if v is not None}, default=_base64)))


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _stored(hit: Mapping[str, Any]) -> Stored:
    source: dict[str, Any] = hit["_source"]
    times = {name: datetime.fromisoformat(source[name]).astimezone(UTC) for name in ("occurred_at", "updated_at")}
    events = tuple(
        Sent(e["entity_id"], datetime.fromisoformat(e["observed_at"]), base64.b64decode(e["value"]))
        for e in source.get("events", ())
    )
    corrected = base64.b64decode(source["fix"]) if "fix" in source else None
    resolution = Resolution(**{**source, **times, "fix": corrected, "events": events})
    condition = {"if_seq_no": hit["_seq_no"], "if_primary_term": hit["_primary_term"]}
    return Stored(resolution, hit["_index"], condition)
