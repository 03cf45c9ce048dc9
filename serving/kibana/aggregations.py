"""A panel as the search that Kibana makes of it, and the rows of its answer; what cannot run here cannot run there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from serving.kibana.panels import Panel
from serving.queries.kinds import exact
from serving.queries.measures import aggregation, figure, time_of

Row = dict[str, Any]
STEP = "1h"
GROUP = "group"
TIME = "time"


def index_pattern(panel_or_alias: str) -> str:
    """The indices of an alias, of all tenants that somebody may read; an alias itself is refused to analysts."""
    return f"{panel_or_alias}-*"


def search(panel: Panel) -> dict[str, Any]:
    """Index and body of a panel's search."""
    figures = {f"m{i}": a for i, m in enumerate(panel.measures.values()) if (a := aggregation(m, panel.field))}
    inner: dict[str, Any] = figures
    if panel.is_over_time:
        histogram = {"field": panel.of.time, "fixed_interval": STEP, "min_doc_count": 1}
        inner = {TIME: {"date_histogram": histogram, **_with(inner)}}
    can_rank = not panel.is_over_time and "m0" in figures and "percentiles" not in figures["m0"]
    ranked = {"order": {"m0": "desc"}} if can_rank else {}
    for name in reversed(panel.by):
        terms = {"field": exact(panel.field(name)), "size": panel.limit, **ranked}
        within = inner if panel.is_over_time else {**inner, **figures}  # groups are ranked by the first figure
        inner = {GROUP: {"terms": terms, **_with(within)}}
    index = index_pattern(panel.of.alias)
    return {"index": index, "size": 0, "track_total_hits": True, **_with(inner)}


def columns(panel: Panel) -> list[str]:
    """The names of what its rows hold."""
    time = [panel.of.time] if panel.is_over_time else []
    return [*panel.by, *time, *panel.show]


def rows(panel: Panel, answer: dict[str, Any]) -> list[Row]:
    """The rows of a search's answer.

    Raises:
        KeyError: the answer lacks a column.
    """
    bucket = {"doc_count": answer["hits"]["total"]["value"], **answer.get("aggregations", {})}
    found = list(_rows(panel, bucket, list(panel.by)))
    return [{name: row[name] for name in columns(panel)} for row in found]


def _rows(panel: Panel, bucket: dict[str, Any], groups: list[str]) -> Iterator[Row]:
    if groups:
        for inner in bucket.get(GROUP, {"buckets": []})["buckets"]:
            said = {groups[0]: inner.get("key_as_string", inner["key"])}
            yield from (said | row for row in _rows(panel, inner, groups[1:]))
    elif panel.is_over_time and TIME in bucket:
        for inner in bucket[TIME]["buckets"]:
            yield {panel.of.time: time_of(inner["key"]), **_figures(panel, inner)}
    elif not panel.is_over_time and bucket["doc_count"]:
        yield _figures(panel, bucket)


def _figures(panel: Panel, bucket: dict[str, Any]) -> Row:
    every = enumerate(panel.measures.items())
    return {label: figure(m, panel.field, bucket, f"m{i}") for i, (label, m) in every}


def _with(inner: dict[str, Any]) -> dict[str, Any]:
    return {"aggregations": inner} if inner else {}
