"""Documents read back, all of them, as they stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from elasticsearch import Elasticsearch

PAGE = 5000

Document = tuple[str, dict[str, Any]]


def found(es: Elasticsearch, index: str, **terms: str) -> dict[str, dict[str, Any]]:
    """Every document of an index or alias in which the fields have these values, by id; from one point in time."""
    return dict(scanned(es, index, None, **terms))


def scanned(es: Elasticsearch, index: str, fields: Sequence[str] | None, **terms: str) -> Iterator[Document]:
    """The same one by one, with all their fields or some, so that no more than a page is in memory."""
    query = {"bool": {"filter": [{"term": {name: value}} for name, value in terms.items()]}}
    if not es.indices.exists(index=index):
        return
    point = es.open_point_in_time(index=index, keep_alive="2m")["id"]
    wanted: dict[str, Any] = {} if fields is None else {"source": list(fields)}
    after: dict[str, Any] = {}
    try:
        while True:
            pit = {"id": point, "keep_alive": "2m"}
            hits = es.search(pit=pit, query=query, size=PAGE, sort=["_shard_doc"], **wanted, **after)["hits"]["hits"]
            for hit in hits:
                yield hit["_id"], hit["_source"]
            if len(hits) < PAGE:
                return
            after = {"search_after": hits[-1]["sort"]}
    finally:
        es.close_point_in_time(id=point)
