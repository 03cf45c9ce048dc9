"""Datasets as the catalogue of the Explore API v2.1 describes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas import Field
from schemas.labels import description_of
from serving.access.view import View
from serving.queries.kinds import FieldKind, kind_of

TYPES: Mapping[FieldKind, str] = {
    FieldKind.NAME: "text",
    FieldKind.TEXT: "text",
    FieldKind.INTEGER: "int",
    FieldKind.DECIMAL: "double",
    FieldKind.BOOLEAN: "boolean",
    FieldKind.TIME: "datetime",
    FieldKind.PLACE: "geo_point_2d",
    FieldKind.OPAQUE: "json_blob",
}


def described(view: View, count: int) -> dict[str, Any]:
    """A dataset with its fields and the number of records that the caller may see."""
    declared = view.dataset.contract.declaration
    kinds = {kind_of(f) for f in view.fields.values()}
    features = [
        "analyze",
        *(["timeserie"] if FieldKind.TIME in kinds else []),
        *(["geo"] if FieldKind.PLACE in kinds else []),
    ]
    default = {
        "title": declared.title["fr"],
        "description": description_of(view.dataset.contract.avro["doc"])["fr"],
        "language": "fr",
        "metadata_languages": ["fr", "en"],
        "records_count": count,
    }
    return {
        "dataset_id": view.dataset.name,
        "dataset_uid": view.dataset.name,
        "has_records": True,
        "data_visible": True,
        "attachments": [],
        "features": features,
        "metas": {"default": default},
        "fields": [_field(f) for f in view.fields.values()],
    }


def _field(field: Field) -> dict[str, Any]:
    return {
        "name": field.name,
        "label": field.name,
        "description": description_of(field.doc)["fr"],
        "type": TYPES[kind_of(field)],
        "annotations": {"unit": field.unit} if field.unit else {},
    }
