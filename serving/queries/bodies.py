"""Parts of requests to Elasticsearch, and parts of its answers, by a view's fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.mapping import mapping_of
from serving import problems
from serving.access.view import View
from serving.queries.kinds import ORDERED, exact, kind_of, require
from serving.queries.measures import Grouping, Measure, figure
from serving.queries.rendering import TEXTS

Document = dict[str, Any]
Position = Mapping[str, int]  # the number of the last write of each index; every index has one shard
NUMBER = "_seq_no"
OVERLAP = 32  # writes of an index that may be under way at once


@dataclass(frozen=True)
class Order:
    """A field to sort by; documents without a value come last."""

    field: str
    is_descending: bool = False


def written_after(position: Position) -> Document:
    """What was written after a position; a little of what came before too, since numbers are given before writing."""
    later = [
        {"bool": {"filter": [{"term": {"_index": name}}, {"range": {NUMBER: {"gt": number - OVERLAP}}}]}}
        for name, number in position.items()
    ]
    new = {"bool": {"must_not": [{"terms": {"_index": list(position)}}]}}
    return {"bool": {"should": [*later, new], "minimum_should_match": 1}}


def require_names(groupings: Sequence[Grouping], measures: Sequence[Measure]) -> None:
    """Refuse two columns of one name.

    Raises:
        ProblemError: there are.
    """
    names = [g.name for g in groupings] + [m.name for m in measures]
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise problems.bad_query(f"two columns are called {', '.join(twice)}; name one with AS")


def wanted(view: View, select: Sequence[str]) -> dict[str, Any]:
    """What a search brings of each document."""
    return {"source": [view.field(name).name for name in select] or False}


def sort(view: View, order: Sequence[Order]) -> list[dict[str, Any]]:
    """How documents are sorted; those without a value come last."""
    fields = [(require(view.field(o.field), ORDERED, "sorting"), o) for o in order]
    # Indices that are older than a field do not know it.
    return [
        {
            exact(f): {
                "order": "desc" if o.is_descending else "asc",
                "missing": "_last",
                "unmapped_type": "keyword" if kind_of(f) in TEXTS else mapping_of(f)["type"],
            }
        }
        for f, o in fields
    ]


def document(hit: dict[str, Any], select: Sequence[str]) -> Document:
    """The wanted fields and nothing else, whatever came."""
    found = hit.get("_source") or {}
    return {name: found.get(name) for name in select}


def figures(view: View, measures: Sequence[Measure], bucket: dict[str, Any]) -> dict[str, Any]:
    """The figures in a bucket of an answer."""
    return {m.name: figure(m, view.field, bucket, f"m{i}") for i, m in enumerate(measures)}


def nothing(aggregation: dict[str, Any]) -> dict[str, Any]:
    """The answer to an aggregation over no documents at all."""
    if "percentiles" in aggregation:
        return {"values": [{"value": None}]}
    return {"value": 0 if {"value_count", "cardinality", "sum"} & aggregation.keys() else None}
