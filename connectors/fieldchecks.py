"""What a value must be for a field of a contract: a function for each field, put together once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from connectors.model import Reason
from schemas.contract import Field

Problem = tuple[Reason, str]
Check = Callable[[Any], Problem | None]

INT_BITS = {"int": 31, "long": 63}
SHOWN = 100


def check_of(field: Field) -> Check:
    """The check that a value of a field has to pass, null apart: none of its problems, or the first.

    Raises:
        ValueError: the field's type is none that an event has.
    """
    kind = field.logical_type
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    if kind in ("double", "float"):
        return _number(field)
    if kind in INT_BITS:
        return _integer(field, INT_BITS[kind])
    if kind == "string":
        return _text(field)
    if isinstance(field.avro_type, dict) and field.avro_type["type"] == "record":
        return _record(field.avro_type)
    raise ValueError(f"{field.name}: a connector has no check for {kind}")


def _wrong(value: Any, wanted: str) -> Problem:
    return Reason.WRONG_TYPE, f"{_shown(value)} is not {wanted}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _boolean(value: Any) -> Problem | None:
    return None if value is True or value is False else _wrong(value, "true or false")


def _time(value: Any) -> Problem | None:
    if isinstance(value, datetime) and value.utcoffset() is not None:
        return None
    return _wrong(value, "a time with its zone")


def _texts(value: Any) -> Problem | None:
    if isinstance(value, list | tuple) and all(type(v) is str for v in value):
        return None
    return _wrong(value, "a list of texts")


_SIMPLE: Mapping[str, Check] = {"boolean": _boolean, "timestamp-micros": _time, "array": _texts}


def _number(field: Field) -> Check:
    low = -math.inf if field.minimum is None else field.minimum
    high = math.inf if field.maximum is None else field.maximum

    def check(value: Any) -> Problem | None:
        if type(value) is not float and type(value) is not int:
            return _wrong(value, "a number")
        if low <= value <= high and value - value == 0:  # infinity less itself is not zero
            return None
        if isinstance(value, float) and not math.isfinite(value):
            return _wrong(value, "a finite number")
        return Reason.OUT_OF_RANGE, f"{_shown(value)} is not in {low:g}..{high:g}"

    return check


def _integer(field: Field, bits: int) -> Check:
    low = max(-(1 << bits), -math.inf if field.minimum is None else field.minimum)
    high = min((1 << bits) - 1, math.inf if field.maximum is None else field.maximum)

    def check(value: Any) -> Problem | None:
        if type(value) is not int:
            return _wrong(value, "a whole number")
        if low <= value <= high:
            return None
        return Reason.OUT_OF_RANGE, f"{_shown(value)} is not in {low:g}..{high:g}"

    return check


def _text(field: Field) -> Check:
    longest = math.inf if field.max_length is None else field.max_length
    values = frozenset(field.values) if field.values else None

    def check(value: Any) -> Problem | None:
        if type(value) is not str:
            return _wrong(value, "a text")
        if len(value) > longest:
            return Reason.OUT_OF_RANGE, f"{len(value)} characters, over {longest}"
        if values is not None and value not in values:
            return Reason.UNKNOWN_VALUE, f"{_shown(value)} is not one of {', '.join(sorted(values))}"
        return None

    return check


def _record(avro: Mapping[str, Any]) -> Check:
    parts = [Field.model_validate(f) for f in avro["fields"]]
    checks = [(p.name, check_of(p)) for p in parts]
    names = {p.name for p in parts}

    def check(value: Any) -> Problem | None:
        if not isinstance(value, dict) or value.keys() != names:
            return _wrong(value, f"a mapping of {', '.join(sorted(names))}")
        for name, check_part in checks:
            problem = check_part(value[name])
            if problem:
                return problem[0], f"{name}: {problem[1]}"
        return None

    return check
