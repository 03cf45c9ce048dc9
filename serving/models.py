"""JSON Schemas of documents, from the contracts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas import Field
from serving.access.view import View
from serving.queries.kinds import FieldKind, is_list, kind_of

Schema = dict[str, Any]
KINDS: Mapping[FieldKind, Schema] = {
    FieldKind.NAME: {"type": "string"},
    FieldKind.TEXT: {"type": "string"},
    FieldKind.INTEGER: {"type": "integer"},
    FieldKind.DECIMAL: {"type": "number"},
    FieldKind.BOOLEAN: {"type": "boolean"},
    FieldKind.TIME: {"type": "string", "format": "date-time"},
    FieldKind.PLACE: {
        "type": "object",
        "properties": {"lat": {"type": "number"}, "lon": {"type": "number"}},
        "required": ["lat", "lon"],
    },
}
FILTERED = set(KINDS) - {FieldKind.PLACE}


def one_value(field: Field) -> Schema:
    """The schema of one value of a field."""
    schema = dict(KINDS.get(kind_of(field), {}))
    if field.values:
        schema["enum"] = list(field.values)
    bounds = {"minimum": field.minimum, "maximum": field.maximum, "maxLength": field.max_length}
    return schema | {k: v for k, v in bounds.items() if v is not None}


def shown(field: Field) -> Schema:
    """The schema of a field in a document; a field that has no value is null."""
    one = one_value(field)
    about = {"description": field.doc, **({"x-unit": field.unit} if field.unit else {})}
    if kind_of(field) is FieldKind.OPAQUE:
        return about
    value = {"type": "array", "items": one} if is_list(field) else one
    return {"anyOf": [value, {"type": "null"}], **about}


def document_schema(view: View) -> Schema:
    """The schema of a document as a caller sees it; what is selected under another name is not in it."""
    contract = view.dataset.contract
    properties = {f.name: shown(f) for f in view.fields.values()}
    return {"type": "object", "description": contract.avro["doc"], "properties": properties}


def parameters(view: View) -> list[Schema]:
    """A parameter for each field that documents can be chosen by."""
    return [
        {
            "name": f.name,
            "in": "query",
            "required": False,
            "description": f"{f.doc} One of these values; `{f.name}.gte`, `.gt`, `.lte` and `.lt` compare.",
            "schema": {"type": "array", "items": one_value(f), "maxItems": 100},
            "explode": True,
        }
        for f in view.fields.values()
        if kind_of(f) in FILTERED and f.name != "tenant"  # which is a parameter of every path
    ]
