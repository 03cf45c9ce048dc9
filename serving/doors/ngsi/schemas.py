"""What the paths answer, for the API's document."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]
Responses = dict[int | str, Schema]
TEXT: Schema = {"type": "string"}
ENTITY: Schema = {"type": "object", "properties": {"id": TEXT, "type": TEXT}, "required": ["id", "type"]}
TYPE_LIST: Schema = {
    "type": "object",
    "properties": {"id": TEXT, "type": TEXT, "typeList": {"type": "array", "items": TEXT}},
    "required": ["id", "type", "typeList"],
}
TYPE: Schema = {
    "type": "object",
    "properties": {
        "id": TEXT,
        "type": TEXT,
        "typeName": TEXT,
        "entityCount": {"type": "integer", "minimum": 0},
        "attributeNames": {"type": "array", "items": TEXT},
        "attributeDetails": {"type": "array", "items": {"type": "object"}},
    },
    "required": ["id", "type", "typeName"],
}
CONTEXT: Schema = {"type": "object", "properties": {"@context": {"type": "array"}}, "required": ["@context"]}


def many(schema: Schema) -> Schema:
    """A list of such."""
    return {"type": "array", "items": schema}


def answers(schema: Schema, *media_types: str, is_partial: bool = False) -> Responses:
    """The answers of a path; partial ones have the status 206."""
    content = {kind: {"schema": schema} for kind in media_types or ("application/json", "application/ld+json")}
    found: Responses = {200: {"description": "The answer.", "content": content}}
    return {**found, **({206: {"description": "The newest part of it.", "content": content}} if is_partial else {})}


OF_ENTITIES = answers(many(ENTITY))
OF_ENTITY = answers(ENTITY)
OF_EVOLUTIONS = answers(many(ENTITY), is_partial=True)
OF_EVOLUTION = answers(ENTITY, is_partial=True)
OF_TYPES = answers({"anyOf": [TYPE_LIST, many(TYPE)]}, "application/json")
OF_TYPE = answers(TYPE, "application/json")
OF_CONTEXT = answers(CONTEXT, "application/ld+json")
