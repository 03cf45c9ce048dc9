"""Documents of earlier generations: removed where a rebuild covers them, kept where it has only a part of the past."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import orjson
from elasticsearch import Elasticsearch

from runtime.elastic import bulk
from runtime.elastic.bulk import Action
from runtime.elastic.documents import PAGE

GONE = {200, 404, 409}  # removed, not there any more, or written again meanwhile


class NotRemovedError(RuntimeError):
    """Elasticsearch did not remove a document; says why."""


def remove_older(
    es: Elasticsearch, index: str, time: str, since: datetime, below: int, terms: Mapping[str, str]
) -> int:
    """Remove documents from a time on whose version is below a number; returns how many.

    Raises:
        NotRemovedError: Elasticsearch refuses.
    """
    removed = 0
    for page in _pages(es, index, time, since, terms):
        older = [h for h in page if h["_version"] < below]
        removed += _removed(es, older) if older else 0
    return removed


def keep_older(es: Elasticsearch, actions: Iterable[Action]) -> int:
    """Write documents where none is, and those that are there again as they are, all under the versions given.

    Returns how many were there.
    """
    kept, rest = 0, iter(actions)
    while chunk := list(islice(rest, PAGE // 5)):
        asked = [{"_index": a.index, "_id": a.id} for a in chunk]
        there = {(d["_index"], d["_id"]): d["_source"] for d in es.mget(docs=asked)["docs"] if d.get("found")}
        bulk.write(es, [_or_as_it_is(a, there) for a in chunk])
        kept += len(there)
    return kept


def _or_as_it_is(action: Action, there: Mapping[tuple[str, str], Any]) -> Action:
    known = there.get((action.index, action.id))
    return action if known is None else Action(action.index, action.id, action.version, orjson.dumps(known))


def _pages(
    es: Elasticsearch, index: str, time: str, since: datetime, terms: Mapping[str, str]
) -> Iterator[Sequence[Mapping[str, Any]]]:
    """Ids, versions and sequence numbers, page by page, from one point in time."""
    if not es.indices.exists(index=index):
        return
    filters: list[dict[str, Any]] = [{"term": {name: value}} for name, value in terms.items()]
    query = {"bool": {"filter": [*filters, {"range": {time: {"gte": since.isoformat()}}}]}}
    es.indices.refresh(index=index)
    point = es.open_point_in_time(index=index, keep_alive="5m")["id"]
    shown: dict[str, Any] = {"source": False, "version": True, "seq_no_primary_term": True, "sort": ["_shard_doc"]}
    after: dict[str, Any] = {}
    try:
        while True:
            pit = {"id": point, "keep_alive": "5m"}
            hits = es.search(pit=pit, query=query, size=PAGE, **shown, **after)["hits"]["hits"]
            yield hits
            if len(hits) < PAGE:
                return
            after = {"search_after": hits[-1]["sort"]}
    finally:
        es.close_point_in_time(id=point)


def _removed(es: Elasticsearch, hits: Sequence[Mapping[str, Any]]) -> int:
    """Remove what a search found, as it was found then."""
    lines = [
        {
            "delete": {
                "_index": h["_index"],
                "_id": h["_id"],
                "if_seq_no": h["_seq_no"],
                "if_primary_term": h["_primary_term"],
            }
        }
        for h in hits
    ]
    items = [item["delete"] for item in es.bulk(operations=lines)["items"]]
    for item in items:
        if item["status"] not in GONE:
            raise NotRemovedError(f"{item['_index']}/{item['_id']} is not removed: {item.get('error')}")
    return sum(item["status"] == 200 for item in items)
