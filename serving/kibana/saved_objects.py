"""The same as saved objects, for Kibana's import: a line for each data view, visualisation and dashboard."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from serving.kibana.as_code import dashboard_id, number_format, operation
from serving.kibana.data_views import view_id
from serving.kibana.panels import Dashboard, Panel
from serving.queries.kinds import FieldKind, exact, kind_of
from serving.queries.measures import Measure

Document = dict[str, Any]
CORE_VERSION = "8.8.0"
#: Versions of the types' attributes as they are written here; Kibana migrates older ones, and refuses those without.
TYPE_VERSIONS = {"index-pattern": "8.0.0", "lens": "8.9.0", "dashboard": "10.2.0"}
LAYER = "layer"
RECORDS = "___records___"
DATA_TYPES = {FieldKind.BOOLEAN: "boolean", FieldKind.TIME: "date"}
NO_QUERY = {"query": "", "language": "kuery"}


def saved_objects(views: Iterable[Document], dashboards: Mapping[str, Dashboard]) -> Iterator[Document]:
    """Every object, those that others refer to first."""
    yield from map(_data_view, views)
    for name, dashboard in dashboards.items():
        yield from (_lens(name, panel) for panel in dashboard.panels)
        yield _dashboard(name, dashboard)


def lines(objects: Iterable[Document]) -> str:
    """Objects as NDJSON."""
    return "".join(f"{json.dumps(o, ensure_ascii=False, sort_keys=True)}\n" for o in objects)


def _object(kind: str, own_id: str, attributes: Document, references: list[Document]) -> Document:
    return {
        "type": kind,
        "id": own_id,
        "attributes": attributes,
        "references": references,
        "coreMigrationVersion": CORE_VERSION,
        "typeMigrationVersion": TYPE_VERSIONS[kind],
        "managed": False,
    }


def _data_view(view: Document) -> Document:
    attributes = {
        **{name: view[name] for name in ("title", "name", "timeFieldName")},
        "fields": "[]",
        "runtimeFieldMap": "{}",
        "fieldFormatMap": _text(view["fieldFormats"]),
        "fieldAttrs": _text(view["fieldAttrs"]),
    }
    return _object("index-pattern", view["id"], attributes, [])


def _lens_id(dashboard: str, panel: Panel) -> str:
    return f"{dashboard_id(dashboard)}-{panel.id}"


def _lens(dashboard: str, panel: Panel) -> Document:
    columns = _columns(panel)
    layer = {"columns": columns, "columnOrder": list(columns), "incompleteColumns": {}}
    state = {
        "visualization": _visualisation(panel),
        "datasourceStates": {"formBased": {"layers": {LAYER: layer}}},
        "query": NO_QUERY,
        "filters": [],
        "internalReferences": [],
        "adHocDataViews": {},
    }
    shape = {"metric": "lnsMetric", "table": "lnsDatatable"}.get(panel.kind, "lnsXY")
    title = {"title": panel.title["fr"], "description": panel.title["en"]}
    view = {"type": "index-pattern", "id": view_id(panel.of), "name": f"indexpattern-datasource-layer-{LAYER}"}
    return _object("lens", _lens_id(dashboard, panel), {**title, "visualizationType": shape, "state": state}, [view])


def _columns(panel: Panel) -> Document:
    groups = {f"g{i}": _terms(panel, name) for i, name in enumerate(panel.by)}
    time = {"x": _time(panel.of.time)} if panel.is_over_time else {}
    figures = {f"m{i}": _figure(label, m) for i, (label, m) in enumerate(panel.measures.items())}
    return {**groups, **time, **figures}


def _visualisation(panel: Panel) -> Document:
    groups, figures = ([f"{c}{i}" for i in range(len(of))] for c, of in (("g", panel.by), ("m", panel.show)))
    layer = {"layerId": LAYER, "layerType": "data"}
    if panel.kind == "metric":
        return {**layer, "metricAccessor": figures[0]}
    if panel.kind == "table":
        return {**layer, "columns": [{"columnId": c} for c in (*groups, *figures)]}
    series = "line" if panel.is_over_time else "bar_horizontal"
    placed = {"xAccessor": "x", **({"splitAccessor": groups[0]} if groups else {})}
    axes = placed if panel.is_over_time else {"xAccessor": groups[0]}
    return {
        "legend": {"isVisible": True, "position": "right"},
        "valueLabels": "hide",
        "preferredSeriesType": series,
        "layers": [{**layer, "seriesType": series, "accessors": figures, **axes}],
    }


def _time(field: str) -> Document:
    shown = {"label": field, "dataType": "date", "isBucketed": True, "scale": "interval"}
    params = {"interval": "auto", "includeEmptyRows": True, "dropPartials": False}
    return {**shown, "operationType": "date_histogram", "sourceField": field, "params": params}


def _terms(panel: Panel, name: str) -> Document:
    field = panel.field(name)
    params = {
        "size": panel.limit,
        "orderBy": {"type": "column", "columnId": "m0"},
        "orderDirection": "desc",
        "otherBucket": False,
        "missingBucket": False,
        "parentFormat": {"id": "terms"},
    }
    shown = {"label": name, "dataType": DATA_TYPES.get(kind_of(field), "string"), "isBucketed": True}
    return {**shown, "scale": "ordinal", "operationType": "terms", "sourceField": exact(field), "params": params}


def _figure(label: str, measure: Measure) -> Document:
    form = number_format(measure)
    params = {"format": {"id": form["type"], "params": {"decimals": form["decimals"]}}, "emptyAsNull": True}
    shown = {"label": label, "customLabel": True, "dataType": "number", "isBucketed": False, "scale": "ratio"}
    return {**shown, "operationType": operation(measure), "sourceField": measure.field or RECORDS, "params": params}


def _dashboard(name: str, dashboard: Dashboard) -> Document:
    panels, references = [], []
    for panel, grid in dashboard.placed:
        i, reference = panel.id, f"panel_{panel.id}"
        place = {"type": "lens", "panelIndex": i, "gridData": {**grid, "i": i}}
        panels.append({**place, "embeddableConfig": {}, "panelRefName": reference})
        references.append({"type": "lens", "id": _lens_id(name, panel), "name": f"{i}:{reference}"})
    attributes = {
        "title": f"Garonne · {dashboard.title['fr']}",
        "description": dashboard.title["en"],
        "panelsJSON": _text(panels),
        "optionsJSON": _text({"useMargins": True, "syncColors": True, "syncCursor": True, "hidePanelTitles": False}),
        "timeRestore": True,
        "timeFrom": dashboard.time,
        "timeTo": "now",
        "kibanaSavedObjectMeta": {"searchSourceJSON": _text({"query": NO_QUERY, "filter": []})},
    }
    return _object("dashboard", dashboard_id(name), attributes, references)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
