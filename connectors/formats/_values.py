"""One value of a declared mapping: how it is written in the feed, as a function to what its contract says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic import Field as ModelField

from connectors.formats._errors import ReadError, shown
from connectors.formats._numbers import Decimal, number
from connectors.formats._times import instant
from connectors.formats._units import Exact, Linear, Number, conversion
from connectors.model import Reason
from schemas import Field

Convert = Callable[[Any], Any]
Transform = Callable[[Number], Number]

#: Time format of a value that says how many seconds before ``observed_at`` something was.
SECONDS_BEFORE = "seconds_before"
#: Key of ``values`` for all that is not listed.
OTHERS = "*"

_LIMITS = {"int": 2**31, "long": 2**63}
_BOOLEANS = {
    **dict.fromkeys(("true", "t", "1", "yes", "y", "oui", "vrai"), True),
    **dict.fromkeys(("false", "f", "0", "no", "n", "non", "faux"), False),
}


class Conversion(BaseModel):
    """How a number becomes one in a unit: ``scale * x + add``, in ``unit``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scale: Exact = ModelField(default=1, validate_default=True)
    add: Exact = ModelField(default=0, validate_default=True)
    unit: str | None = None

    def linear(self, unit: str | None) -> Linear:
        """The way from the feed's number to one in the contract's unit."""
        own = Linear(self.scale, self.add)
        if self.unit is None:
            return own
        if unit is None:
            raise ValueError(f"has no unit, so {self.unit!r} cannot be converted")
        return own.then(conversion(self.unit, unit))


class Case(Conversion):
    """A conversion for the numbers below a limit; without one, for all the others."""

    below: float | None = None


class Value(Conversion):
    """Where a contract's field stands in the feed's records, and how it is written there."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    source: tuple[str, ...] = ModelField(alias="from", min_length=1)
    cases: tuple[Case, ...] = ()
    decimal: Decimal = "."
    values: dict[Any, Any] = ModelField(default_factory=dict)
    null_values: tuple[Any, ...] = ()
    null_below: float | None = None
    default: Any = None
    format: str | None = None
    timezone: str | None = None


def several(value: Any) -> Any:
    """``from: a`` for ``from: [a]``, and ``a`` alone for a mapping that has only ``from``."""
    if isinstance(value, str | list):
        value = {"from": value}
    if isinstance(value, Mapping) and isinstance(value.get("from"), str):
        return {**value, "from": [value["from"]]}
    return value


#: Declares that a model may be written as its path alone.
AsPath = BeforeValidator(several)


def transform(value: Value | Case | Conversion, unit: str | None) -> Transform | None:
    """What a value's numbers go through; None when they stay as they are.

    Raises:
        ValueError: a unit cannot be converted to that one.
    """
    cases = getattr(value, "cases", ())
    if not cases:
        return value.linear(unit).function()
    table = tuple((c.below, c.linear(unit).function() or _same) for c in cases)

    def of_case(x: Number) -> Number:
        for below, function in table:
            if below is None or x < below:
                return function(x)
        raise ReadError(Reason.OUT_OF_RANGE, f"{x} fits none of the cases")

    return of_case


def converter(field: Field, value: Value) -> Convert:
    """From what the feed has to what the contract says; gives None for unknown, raises `ReadError`.

    Raises:
        ValueError: the declaration does not fit the field.
    """
    plain = _plain(field, value)
    listed = _listed(field, value.values)
    unknown = {n for v in value.null_values for n in (v, str(v))}
    if not listed and not unknown:
        return plain
    fallback: Convert = (lambda _: listed[OTHERS]) if OTHERS in listed else plain

    def convert(raw: Any) -> Any:
        key = raw.strip() if type(raw) is str else raw
        if type(key) is dict or type(key) is list or (key not in unknown and key not in listed):
            return fallback(raw)
        return listed.get(key)

    return convert


def constant(field: Field, value: Any) -> Any:
    """A value of a feed's declaration as its contract has it.

    Raises:
        ValueError: it is none of that field.
    """
    if value is None:
        return None
    try:
        return _plain(field, Value(source=("-",)))(value)
    except ReadError as e:
        raise ValueError(f"{field.name}: {e.detail}") from e


def _listed(field: Field, values: Mapping[Any, Any]) -> dict[Any, Any]:
    table: dict[Any, Any] = {}
    for key, value in values.items():
        table[key] = table[str(key)] = constant(field, value)
    return table


def _plain(field: Field, value: Value) -> Convert:
    match field.logical_type:
        case "double" | "float":
            return _real(value, transform(value, field.unit))
        case "int" | "long" as kind:
            return _whole(value, transform(value, field.unit), _LIMITS[kind])
        case "boolean":
            return _boolean
        case "timestamp-micros" if value.format == SECONDS_BEFORE:
            return _real(value, transform(value, "s"))
        case "timestamp-micros":
            return _time(value)
        case "string":
            return _text(frozenset(field.values or ()))
    raise ValueError(f"a {field.logical_type} cannot be mapped")


def _real(value: Value, change: Transform | None) -> Convert:
    decimal, floor = value.decimal, value.null_below

    def convert(raw: Any) -> float | None:
        x = raw if type(raw) is float else number(raw, decimal)
        if x is None or (floor is not None and x < floor):
            return None
        if change is not None:
            x = change(x)
        if not isfinite(x):
            raise ReadError(Reason.WRONG_TYPE, f"{shown(raw)} is not a number")
        return float(x)

    return convert


def _whole(value: Value, change: Transform | None, limit: int) -> Convert:
    decimal, floor = value.decimal, value.null_below

    def convert(raw: Any) -> int | None:
        x = raw if type(raw) is int else number(raw, decimal)
        if x is None or (floor is not None and x < floor):
            return None
        if change is not None:
            x = change(x)
        whole = x if type(x) is int else round(x)
        if whole != x and abs(whole - x) > 1e-6:
            raise ReadError(Reason.WRONG_TYPE, f"{shown(raw)} is not a whole number")
        if not -limit <= whole < limit:
            raise ReadError(Reason.OUT_OF_RANGE, f"{shown(raw)} is too large")
        return whole

    return convert


def _boolean(raw: Any) -> bool | None:
    if type(raw) is bool:
        return raw
    text = str(raw).strip().lower() if type(raw) in (str, int) else None
    if text == "":
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    raise ReadError(Reason.WRONG_TYPE, f"{shown(raw)} is neither true nor false")


def _text(allowed: frozenset[str]) -> Convert:
    def convert(raw: Any) -> str | None:
        text = scalar_text(raw).strip()
        if not text:
            return None
        if allowed and text not in allowed:
            known = ", ".join(sorted(allowed))
            raise ReadError(Reason.UNKNOWN_VALUE, f"{shown(raw)} is not one of {known}")
        return text

    return convert


def scalar_text(raw: Any) -> str:
    """A number or text as text; 14 and 14.0 are the same.

    Raises:
        ReadError: it is something else.
    """
    kind = type(raw)
    if kind is str:
        return raw  # type: ignore[no-any-return]
    if kind is int:
        return str(raw)
    if kind is float and isfinite(raw):
        return str(int(raw)) if raw.is_integer() else str(raw)
    raise ReadError(Reason.WRONG_TYPE, f"{shown(raw)} is not text")


def _time(value: Value) -> Convert:
    read = instant(value.format or "iso", value.timezone)
    return lambda raw: None if type(raw) is str and not raw.strip() else read(raw)


def _same(x: Number) -> Number:
    return x
