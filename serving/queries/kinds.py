"""Kinds of fields, from their mapping, and values of each kind."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from enum import StrEnum

from schemas import Field
from schemas.mapping import mapping_of
from serving import problems
from serving.problems import cut
from serving.queries.conditions import Value

INT_BITS = {"int": 32, "long": 64}
LARGEST = {"float": 3.4e38}
MAX_TEXT = 1024


class FieldKind(StrEnum):
    """What can be done with a field."""

    NAME = "name"
    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    TIME = "time"
    PLACE = "place"
    OPAQUE = "opaque"  # only shown


KINDS = {
    "keyword": FieldKind.NAME,
    "text": FieldKind.TEXT,
    "integer": FieldKind.INTEGER,
    "long": FieldKind.INTEGER,
    "float": FieldKind.DECIMAL,
    "double": FieldKind.DECIMAL,
    "boolean": FieldKind.BOOLEAN,
    "date": FieldKind.TIME,
    "geo_point": FieldKind.PLACE,
}
NUMBERS = {FieldKind.INTEGER, FieldKind.DECIMAL}
ORDERED = {FieldKind.NAME, FieldKind.TEXT, FieldKind.BOOLEAN, FieldKind.TIME, *NUMBERS}


def kind_of(field: Field) -> FieldKind:
    """The kind of a field."""
    return KINDS.get(str(mapping_of(field).get("type")), FieldKind.OPAQUE)


def is_list(field: Field) -> bool:
    """Whether a document may have several values of it."""
    return isinstance(field.avro_type, dict) and field.avro_type["type"] == "array"


def exact(field: Field) -> str:
    """Where Elasticsearch keeps its whole values, to compare, sort and group by."""
    return f"{field.name}.keyword" if kind_of(field) is FieldKind.TEXT else field.name


def require(field: Field, kinds: set[FieldKind], what: str) -> Field:
    """The field, if it is of one of the kinds.

    Raises:
        ProblemError: it is of another.
    """
    if kind_of(field) not in kinds:
        wanted = ", ".join(sorted(kinds))
        raise problems.bad_query(f"{field.name} is of the kind {kind_of(field)}, and {what} needs {wanted}")
    return field


def compared(field: Field, value: Value) -> str | int | float | bool:
    """A value as Elasticsearch compares it with a field's.

    Raises:
        ProblemError: it is not a value of the field's kind.
    """
    kind = kind_of(field)
    try:
        if kind is FieldKind.TIME:
            return _time(value)
        if kind in NUMBERS:
            return _number(field, value)
        if kind is FieldKind.BOOLEAN:
            return _boolean(value)
        if kind in (FieldKind.NAME, FieldKind.TEXT):
            return _text(value)
    except (ValueError, OverflowError) as e:
        raise problems.bad_query(f"{field.name}: {cut(str(value))!r} {e}", field=field.name) from None
    raise problems.bad_query(f"{field.name} is of the kind {kind} and cannot be compared with a value")


def instant(text: str) -> datetime:
    """A time from ISO 8601, in UTC where it names no zone.

    Raises:
        ValueError: it is none.
    """
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is not a time such as 2026-07-14T21:00:00Z") from None


def _time(value: Value) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if not isinstance(value, str):
        raise ValueError("is not a time such as 2026-07-14T21:00:00Z")
    return instant(value).isoformat()


def _number(field: Field, value: Value) -> int | float:
    if isinstance(value, bool | datetime):
        raise ValueError("is not a number")
    try:
        number = int(value) if isinstance(value, str) and value.lstrip("+-").isdecimal() else float(value)
    except ValueError:
        raise ValueError("is not a number") from None
    bits = INT_BITS.get(field.logical_type)
    if not math.isfinite(number) or abs(number) > LARGEST.get(field.logical_type, math.inf):
        raise ValueError("is too large")
    if bits and not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
        raise ValueError("is too large")
    return number


def _boolean(value: Value) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise ValueError("is neither true nor false")


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise ValueError('is not a text; put it in quotes: "…"')
    if len(value) > MAX_TEXT:
        raise ValueError(f"is longer than {MAX_TEXT} characters")
    return value
