"""Whether a value is what its contract says: the good and bad examples are judged by it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.resources.abc import Traversable
from typing import Any

import fastavro

from schemas.contract import Contract, Field


def problems(contract: Contract, value: Mapping[str, Any]) -> list[str]:
    """What is wrong with an event or a result; empty when it is as the contract says."""
    unknown = [f"{name}: not a field of {contract.name}" for name in value if name not in contract.field_names]
    return unknown + [p for f in contract.fields for p in _field_problems(contract, f, value.get(f.name))]


def example(contract: Contract, path: Traversable) -> dict[str, Any]:
    """An example file as a value: times from RFC 3339, bytes from base64."""
    return typed(contract, json.loads(path.read_text(encoding="utf-8")))


def typed(contract: Contract, loaded: Mapping[str, Any]) -> dict[str, Any]:
    """A document as a value of its contract: times from RFC 3339, bytes from base64; what is neither stays."""
    return {name: _parsed(_logical(contract, name), v) for name, v in loaded.items()}


def _field_problems(contract: Contract, field: Field, value: Any) -> Iterator[str]:
    if value is None:
        if not field.is_optional and "default" not in _avro(contract, field.name):
            yield f"{field.name}: missing"
        return
    try:
        fits = fastavro.validate(value, field.avro_type, raise_errors=False)
    except (TypeError, ValueError, AttributeError):
        fits = False
    if not fits:
        yield f"{field.name}: {value!r} is not {field.logical_type}"
        return
    if field.minimum is not None and value < field.minimum:
        yield f"{field.name}: {value} is below {field.minimum:g}"
    if field.maximum is not None and value > field.maximum:
        yield f"{field.name}: {value} is above {field.maximum:g}"
    if field.values is not None and value not in field.values:
        yield f"{field.name}: {value!r} is not one of {', '.join(field.values)}"
    if field.max_length is not None and len(value) > field.max_length:
        yield f"{field.name}: longer than {field.max_length}"
    if field.logical_type == "timestamp-micros" and (not isinstance(value, datetime) or value.tzinfo is None):
        yield f"{field.name}: needs a time with its zone"


def _avro(contract: Contract, name: str) -> dict[str, Any]:
    return next(dict(f) for f in contract.avro["fields"] if f["name"] == name)


def _logical(contract: Contract, name: str) -> str | None:
    return next((f.logical_type for f in contract.fields if f.name == name), None)


def _parsed(logical: str | None, value: Any) -> Any:
    try:
        if logical == "timestamp-micros" and isinstance(value, str):
            return datetime.fromisoformat(value)
        if logical == "bytes" and isinstance(value, str):
            return base64.b64decode(value, validate=True)
    except ValueError:
        return value
    return value
