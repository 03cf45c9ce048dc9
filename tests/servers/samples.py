"""Documents of any contract, made from its fields alone."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas import Contract, Field

START = datetime(2026, 7, 14, 12, tzinfo=UTC)
STEP = timedelta(minutes=5)
ENTITIES = 3
TIMES = 4


def samples(contract: Contract, tenants: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Documents of some entities of each tenant at some times; some of what may be unknown is."""
    for tenant in tenants:
        for entity in range(ENTITIES):
            for step in range(TIMES if contract.time in contract.key else 1):
                values = {f.name: _value(contract, f, entity, step) for f in contract.fields}
                yield {**values, "tenant": tenant, contract.time: START + step * STEP}


def place(entity: int) -> dict[str, float]:
    """Where an entity is."""
    return {"lat": 43.5 + entity / 100, "lon": 1.4 + entity / 100}


def _value(contract: Contract, field: Field, entity: int, step: int) -> Any:
    position = contract.field_names.index(field.name)
    if field.is_optional and field.name not in ("location", *contract.key) and (entity + step + position) % 5 == 0:
        return None
    return _known(contract, field, entity, step + position)


def _known(contract: Contract, field: Field, entity: int, number: int) -> Any:
    kind = field.logical_type
    if field.values:
        return field.values[entity % len(field.values)]
    if kind == "string":
        return f"{field.name}-é {entity}" if field.name in contract.key else f"{field.name} {entity}"
    if kind == "timestamp-micros":
        return START - timedelta(hours=1) + timedelta(seconds=number)
    if kind == "boolean":
        return number % 2 == 0
    if kind == "GeoPoint":
        return place(entity)
    if kind == "array":
        return _several(contract, field, entity, number) if number % 2 else []
    if kind == "bytes":
        return base64.b64encode(bytes([number])).decode()
    low, high = field.minimum or 0, field.maximum if field.maximum is not None else 1000
    share = (entity * TIMES + number) % 20 / 20
    value = low + (high - low) * share
    return int(value) if kind in ("int", "long") else round(value, 3)


def _several(contract: Contract, field: Field, entity: int, number: int) -> list[Any]:
    items = field.avro_type["items"] if isinstance(field.avro_type, dict) else "string"
    if items == "string":
        return ["late", "spike"]
    inner = [Field.model_validate(f) for f in items["fields"]]
    return [{f.name: _known(contract, f, entity, number + i) for f in inner} for i in range(2)]
