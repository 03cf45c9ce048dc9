"""What a caller may know of a dataset: the contract in words, without what is above their level."""

from __future__ import annotations

from typing import Any

from schemas import Field
from schemas.labels import description_of, label_of
from serving.access.view import View
from serving.queries.kinds import is_list, kind_of


def described(view: View) -> dict[str, Any]:
    """A dataset as the catalogue shows it."""
    contract = view.dataset.contract
    declared = contract.declaration
    return {
        "dataset": view.dataset.name,
        "kind": contract.kind,
        "title": declared.title,
        "description": description_of(contract.avro["doc"]),
        "is_latest": view.dataset.is_latest,
        "sensitivity": declared.sensitivity,
        "tenants": None if view.tenants is None else sorted(view.tenants),
        "key": [name for name in contract.key if name in view.fields],
        "time": contract.time,
        "retention_days": declared.retention_days,
        "smart_data_model": declared.smart_data_model.type if declared.smart_data_model else None,
        "fields": [_field(f, view) for f in view.fields.values()],
    }


def _field(field: Field, view: View) -> dict[str, Any]:
    return {
        "name": field.name,
        "label": label_of("fields", field.name),
        "kind": kind_of(field),
        "is_list": is_list(field),
        "is_optional": field.is_optional,
        "description": description_of(field.doc),
        "unit": field.unit,
        "minimum": field.minimum,
        "maximum": field.maximum,
        "values": field.values,
        "value_labels": {v: label_of("values", v) for v in field.values or ()},
        "sensitivity": field.sensitivity or view.dataset.contract.declaration.sensitivity,
    }
