"""The files of deploy/kibana: what is generated, by its path there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from schemas import Contract
from serving.kibana.as_code import as_code, dashboard_id
from serving.kibana.data_views import data_views
from serving.kibana.panels import Dashboard
from serving.kibana.saved_objects import lines, saved_objects

OBJECTS = "garonne.ndjson"
DASHBOARDS, VIEWS = "dashboards", "data_views"


def generated(contracts: Iterable[Contract], dashboards: Mapping[str, Dashboard]) -> dict[str, str]:
    """All files, as texts by their paths."""
    views = list(data_views(contracts))
    return {
        **{f"{VIEWS}/{v['id']}.json": _json(v) for v in views},
        **{f"{DASHBOARDS}/{dashboard_id(name)}.json": _json(as_code(d)) for name, d in dashboards.items()},
        OBJECTS: lines(saved_objects(views, dashboards)),
    }


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
