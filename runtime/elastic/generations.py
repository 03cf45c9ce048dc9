"""Generations: how often a query has begun anew, kept in Elasticsearch beside the versions it protects.

A new checkpoint counts its batches from 0 again. Its documents still have to replace those of the checkpoint before,
so a version is the generation and then the batch, and the generation is not kept in the checkpoint alone.
"""

from __future__ import annotations

from elasticsearch import ConflictError, Elasticsearch, NotFoundError

INDEX = "garonne-generations"
BATCH_BITS = 40
REPAIR = 1 << (BATCH_BITS - 1)  # upper half of a generation: above every live batch of it
TRIES = 10


def version(generation: int, batch: int) -> int:
    """Version of what a live batch writes."""
    return generation << BATCH_BITS | batch


def repair_version(generation: int, repair: int) -> int:
    """Version of what a replay or repair writes: no live batch of the same generation can put it back."""
    return generation << BATCH_BITS | REPAIR | repair


def current(es: Elasticsearch, query: str) -> int:
    """The generation a query is in; 0 when it never began."""
    return _read(es, query, "generation")[0]


def begin(es: Elasticsearch, query: str) -> int:
    """A new generation for a query, above all it ever had."""
    return _raise(es, query, "generation")


def next_repair(es: Elasticsearch, query: str) -> int:
    """A number for a replay or repair of a query, above all it ever had."""
    return _raise(es, query, "repair")


def _raise(es: Elasticsearch, query: str, counter: str) -> int:
    for _ in range(TRIES):
        value, doc, condition = _read(es, query, counter)
        try:
            es.index(index=INDEX, id=query, document={**doc, counter: value + 1}, refresh=True, **condition)  # type: ignore[arg-type]
        except ConflictError:
            continue  # another driver was quicker; its number is taken
        return value + 1
    raise RuntimeError(f"{query}: {TRIES} others raised its {counter} at the same moment")


def _read(es: Elasticsearch, query: str, counter: str) -> tuple[int, dict[str, int], dict[str, object]]:
    try:
        found = es.get(index=INDEX, id=query)
    except NotFoundError:
        return 0, {}, {"op_type": "create"}
    doc: dict[str, int] = found["_source"]
    return doc.get(counter, 0), doc, {"if_seq_no": found["_seq_no"], "if_primary_term": found["_primary_term"]}
