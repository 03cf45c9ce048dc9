"""Dashboards as Kibana's Dashboards API (9.5) takes them: plain JSON that can be read and compared."""

from __future__ import annotations

from typing import Any

from serving.kibana.data_views import view_id
from serving.kibana.panels import Dashboard, Panel
from serving.queries.kinds import exact
from serving.queries.measures import Kind, Measure

Document = dict[str, Any]
OPERATIONS: dict[Kind, str] = {
    "count": "count",
    "sum": "sum",
    "avg": "average",
    "min": "min",
    "max": "max",
    "median": "median",
}
DISTINCT = "unique_count"


def dashboard_id(name: str) -> str:
    """The id of a dashboard; the same for ever."""
    return f"garonne-{name}"


def operation(measure: Measure) -> str:
    """A figure in Kibana's words."""
    return DISTINCT if measure.is_distinct else OPERATIONS[measure.kind]


def as_code(dashboard: Dashboard) -> Document:
    """A dashboard as the body of a request."""
    return {
        "title": f"Garonne · {dashboard.title['fr']}",
        "description": dashboard.title["en"],
        "time_range": {"from": dashboard.time, "to": "now"},
        "panels": [
            {"type": "vis", "id": panel.id, "grid": grid, "config": _config(panel)} for panel, grid in dashboard.placed
        ],
    }


def _config(panel: Panel) -> Document:
    said = {"title": panel.title["fr"], "description": panel.title["en"]}
    source = {"data_source": {"type": "data_view_reference", "ref_id": view_id(panel.of)}}
    figures = [_figure(label, m) for label, m in panel.measures.items()]
    groups = [_terms(panel, name) for name in panel.by]
    if panel.kind == "metric":
        return {**said, "type": "metric", **source, "metrics": [{"type": "primary", **f} for f in figures]}
    if panel.kind == "table":
        return {**said, "type": "data_table", **source, "metrics": figures, "rows": groups}
    if panel.kind == "bar":
        return {**said, "type": "xy", "layers": [{"type": "bar_horizontal", **source, "x": groups[0], "y": figures}]}
    time = {"operation": "date_histogram", "field": panel.of.time}
    split = {"breakdown_by": groups[0]} if groups else {}
    return {**said, "type": "xy", "layers": [{"type": "line", **source, "x": time, "y": figures, **split}]}


def _figure(label: str, measure: Measure) -> Document:
    field = {} if measure.field is None else {"field": measure.field}
    return {"operation": operation(measure), **field, "label": label, "format": number_format(measure)}


def number_format(measure: Measure) -> Document:
    """How a figure is shown."""
    if measure.kind == "count":
        return {"type": "number", "decimals": 0}
    is_share = (measure.field or "").endswith("_ratio")
    return {"type": "percent", "decimals": 1} if is_share else {"type": "number", "decimals": 2}


def _terms(panel: Panel, name: str) -> Document:
    ranked = {} if panel.is_over_time else {"rank_by": {"type": "metric", "metric_index": 0, "direction": "desc"}}
    return {"operation": "terms", "fields": [exact(panel.field(name))], "limit": panel.limit, **ranked}
