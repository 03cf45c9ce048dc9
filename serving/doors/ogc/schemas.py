"""What the paths answer, for the API's document."""

from __future__ import annotations

from typing import Any

from serving.doors.ogc.addresses import GEOJSON, HTML, JSON, SCHEMA

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
LINKS: Schema = {
    "type": "array",
    "items": {"type": "object", "properties": {"href": TEXT, "rel": TEXT, "type": TEXT}, "required": ["href", "rel"]},
}
LANDING: Schema = {
    "type": "object",
    "properties": {"title": TEXT, "description": TEXT, "links": LINKS},
    "required": ["links"],
}
CONFORMANCE: Schema = {
    "type": "object",
    "properties": {"conformsTo": {"type": "array", "items": TEXT}},
    "required": ["conformsTo"],
}
COLLECTION: Schema = {
    "type": "object",
    "properties": {
        "id": TEXT,
        "title": TEXT,
        "description": TEXT,
        "itemType": TEXT,
        "crs": {"type": "array", "items": TEXT},
        "extent": {"type": "object"},
        "links": LINKS,
    },
    "required": ["id", "links"],
}
COLLECTIONS: Schema = {
    "type": "object",
    "properties": {"links": LINKS, "collections": {"type": "array", "items": COLLECTION}},
    "required": ["links", "collections"],
}
FEATURE: Schema = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "enum": ["Feature"]},
        "id": TEXT,
        "geometry": {"type": ["object", "null"]},
        "properties": {"type": "object"},
        "links": LINKS,
    },
    "required": ["type", "geometry", "properties"],
}
FEATURES: Schema = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "enum": ["FeatureCollection"]},
        "features": {"type": "array", "items": FEATURE},
        "links": LINKS,
        "timeStamp": {"type": "string", "format": "date-time"},
        "numberMatched": {"type": "integer", "minimum": 0},
        "numberReturned": {"type": "integer", "minimum": 0},
    },
    "required": ["type", "features"],
}


def answers(schema: Schema, media_type: str = JSON) -> dict[int | str, Schema]:
    """The answer of a path, as JSON and as HTML."""
    content = {media_type: {"schema": schema}, HTML: {"schema": TEXT}}
    return {200: {"description": "The answer.", "content": content}}


OF_LANDING = answers(LANDING)
OF_CONFORMANCE = answers(CONFORMANCE)
OF_COLLECTIONS = answers(COLLECTIONS)
OF_COLLECTION = answers(COLLECTION)
OF_QUERYABLES = answers({"type": "object"}, SCHEMA)
OF_ITEMS = answers(FEATURES, GEOJSON)
OF_ITEM = answers(FEATURE, GEOJSON)
