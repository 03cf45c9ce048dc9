"""Datasets as collections of features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request

from schemas.labels import description_of
from serving.access.view import View
from serving.doors.ogc.addresses import (
    COLLECTIONS,
    GEOJSON,
    HTML,
    JSON,
    QUERYABLES,
    SCHEMA,
    Link,
    address,
    link,
)
from serving.doors.ogc.html import French
from serving.models import one_value
from serving.queries.identity import is_named
from serving.queries.kinds import FieldKind, kind_of
from serving.queries.reader import Extent

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"
LATEST = " (dernier état)"


def is_collection(view: View) -> bool:
    """Whether a dataset is one: its documents have a place, and their names may be seen."""
    return is_named(view) and any(kind_of(f) is FieldKind.PLACE for f in view.fields.values())


def title_of(view: View) -> French:
    """What a collection is called."""
    return French(view.dataset.contract.declaration.title["fr"] + (LATEST if view.dataset.is_latest else ""))


def described(request: Request, view: View, extent: Extent, tenants: list[str]) -> dict[str, Any]:
    """A collection, with its links."""
    return {
        "id": view.dataset.name,
        "title": title_of(view),
        "description": _description(view.dataset.contract.avro["doc"]),
        "itemType": "feature",
        "crs": [CRS84],
        "extent": _extent(extent),
        "links": _links(request, view.dataset.name, tenants),
    }


def queryables(request: Request, view: View) -> dict[str, Any]:
    """What features of a collection can be chosen by, as a JSON Schema."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": address(request, f"{COLLECTIONS}/{view.dataset.name}/queryables"),
        "type": "object",
        "title": title_of(view),
        "properties": {
            f.name: {"title": f.name, "description": _description(f.doc), **_kind(kind_of(f), one_value(f))}
            for f in view.fields.values()
            if kind_of(f) is not FieldKind.OPAQUE
        },
        "additionalProperties": False,
    }


def _description(doc: str) -> French:
    return French(description_of(doc)["fr"])


def _kind(kind: FieldKind, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"format": "geometry-point", "x-ogc-role": "primary-geometry"} if kind is FieldKind.PLACE else schema


def _extent(extent: Extent) -> dict[str, Any]:
    temporal = {"interval": [[extent.first, extent.last]], "trs": GREGORIAN}
    if extent.box is None:
        return {"temporal": temporal}
    return {"spatial": {"bbox": [list(extent.box)], "crs": CRS84}, "temporal": temporal}


def _links(request: Request, name: str, tenants: list[str]) -> list[Link]:
    path = f"{COLLECTIONS}/{name}"
    items, fields = f"{path}/items", f"{path}/queryables"
    return [
        link(address(request, path, tenants, f="json"), "self", JSON, "The collection"),
        link(address(request, path, tenants, f="html"), "alternate", HTML, "The collection as HTML"),
        link(address(request, items, tenants), "items", GEOJSON, "The features"),
        link(address(request, items, tenants, f="html"), "items", HTML, "The features as HTML"),
        link(address(request, fields, tenants), QUERYABLES, SCHEMA, "What they can be chosen by"),
    ]
