"""Documents read back, all of them, as they stand."""

from __future__ import annotations

from typing import Any

from elasticsearch import Elasticsearch

PAGE = 5000


def found(es: Elasticsearch, index: str, **terms: str) -> dict[str, dict[str, Any]]:
    """Every document of an index or alias in which the fields have these values, by id; from one point in time."""
    query = {"bool": {"filter": [{"term": {name: value}} for name, value in terms.items()]}}
    if not es.indices.exists(index=index):
        return {}
    point = es.open_point_in_time(index=index, keep_alive="2m")["id"]
    documents: dict[str, dict[str, Any]] = {}
    after: dict[str, Any] = {}
    try:
        while True:
            pit = {"id": point, "keep_alive": "2m"}
            hits = es.search(pit=pit, query=query, size=PAGE, sort=["_shard_doc"], **after)["hits"]["hits"]
            documents |= {h["_id"]: h["_source"] for h in hits}
            if len(hits) < PAGE:
                return documents
            after = {"search_after": hits[-1]["sort"]}
    finally:
        es.close_point_in_time(id=point)
