"""Documents read back, all of them, as they stand."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from elasticsearch import ApiError, Elasticsearch

PAGE = 5000
KEEP_ALIVE = "5m"
AWAY = (429, 503)
PAUSES_SECONDS = (0.1, 0.2, 0.5, 1, 2, 5, 10)

Document = tuple[str, dict[str, Any]]


def found(es: Elasticsearch, index: str, **terms: str) -> dict[str, dict[str, Any]]:
    """Every document of an index or alias in which the fields have these values, by id; from one point in time."""
    return dict(scanned(es, index, None, **terms))


def scanned(es: Elasticsearch, index: str, fields: Sequence[str] | None, **terms: str) -> Iterator[Document]:
    """The same one by one, with all their fields or some, so that no more than a page is in memory."""
    query = {"bool": {"filter": [{"term": {name: value}} for name, value in terms.items()]}}
    for page in pages(es, index, query, source=fields):
        yield from ((hit["_id"], hit["_source"]) for hit in page)


def pages(
    es: Elasticsearch,
    index: str,
    query: Mapping[str, Any],
    size: int = PAGE,
    sort: str | None = None,
    source: Sequence[str] | None = None,
) -> Iterator[list[dict[str, Any]]]:
    """The hits of a query in lists of up to `size`, from one point in time, by a field's order or as they stand.

    ``source`` names the fields that are wanted; without it they come with all. Missing shards are waited for.
    """
    if not es.indices.exists(index=index):
        return
    point = _opened(es, index)
    order = [*([{sort: "asc"}] if sort else []), {"_shard_doc": "asc"}]
    wanted: dict[str, Any] = {} if source is None else {"source": list(source)}
    after: dict[str, Any] = {}
    try:
        while True:
            pit = {"id": point, "keep_alive": KEEP_ALIVE}
            answer = es.search(pit=pit, query=query, size=size, sort=order, seq_no_primary_term=True, **wanted, **after)
            page = answer["hits"]["hits"]
            if page:
                yield page
            if len(page) < size:
                return
            after = {"search_after": page[-1]["sort"]}
    finally:
        es.close_point_in_time(id=point)


def _opened(es: Elasticsearch, index: str) -> str:
    """A point in time; a shard of a new index, or one that moves, is away for seconds and waited for."""
    for pause_seconds in PAUSES_SECONDS:
        try:
            return str(es.open_point_in_time(index=index, keep_alive=KEEP_ALIVE)["id"])
        except ApiError as e:
            if e.meta.status not in AWAY:
                raise
            time.sleep(pause_seconds)
    return str(es.open_point_in_time(index=index, keep_alive=KEEP_ALIVE)["id"])
