"""Conditions on documents as typed values; they name fields and hold values, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Value = str | int | float | bool | datetime
Comparison = Literal["=", "!=", "<", "<=", ">", ">="]
Point = tuple[float, float]  # longitude, latitude


@dataclass(frozen=True)
class Everything:
    """Every document."""


@dataclass(frozen=True)
class Compare:
    """A field that has a value and compares so with this one."""

    field: str
    operator: Comparison
    value: Value


@dataclass(frozen=True)
class OneOf:
    """A field with one of the values."""

    field: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class IsNull:
    """A field without a value."""

    field: str


@dataclass(frozen=True)
class Contains:
    """A text with these words, or a name with this part; upper and lower case are the same."""

    field: str
    text: str


@dataclass(frozen=True)
class StartsWith:
    """A name that begins so."""

    field: str
    text: str


@dataclass(frozen=True)
class Like:
    """A name of a form: `%` is any text, `_` any sign, after a backslash they are themselves; case matters."""

    field: str
    pattern: str


@dataclass(frozen=True)
class InBox:
    """A place between two meridians and two parallels (degrees); west may lie east of east, across 180°."""

    field: str
    west: float
    south: float
    east: float
    north: float


@dataclass(frozen=True)
class Near:
    """A place within a distance in metres of a point."""

    field: str
    point: Point
    distance_m: float


@dataclass(frozen=True)
class InPolygon:
    """A place in a polygon, given by its closed ring."""

    field: str
    ring: tuple[Point, ...]


@dataclass(frozen=True)
class AllOf:
    """Every one of the conditions."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class AnyOf:
    """At least one of the conditions."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Not:
    """The documents that the condition does not hold for, those without a value among them."""

    part: Condition


Condition = (
    Everything
    | Compare
    | OneOf
    | IsNull
    | Contains
    | StartsWith
    | Like
    | InBox
    | Near
    | InPolygon
    | AllOf
    | AnyOf
    | Not
)
