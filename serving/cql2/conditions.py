"""A filter in CQL2 text as a condition."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from lark import Token, Transformer, v_args

from serving import problems
from serving.languages import Language, transformed
from serving.queries.conditions import (
    AllOf,
    AnyOf,
    Compare,
    Comparison,
    Condition,
    Everything,
    InBox,
    InPolygon,
    IsNull,
    Like,
    Near,
    Not,
    OneOf,
    Point,
    Value,
)
from serving.queries.kinds import instant

TURNED: dict[str, Comparison] = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "<>": "!="}
SIGNS = {
    "NAME": "a field",
    "QUOTED": "a field",
    "STRING": "a text in quotes",
    "NUMBER": "a number",
    "INSTANT": "TIMESTAMP('2026-07-14T12:00:00Z')",
    "BOOLEAN": "true or false",
    "COMPARISON": "a comparison such as =",
    "SPATIAL": "S_INTERSECTS",
    "POINT": "POINT(lon lat)",
    "POLYGON": "POLYGON((lon lat, …))",
    "BBOX": "BBOX(west, south, east, north)",
    "NEGATION": "not",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": "a comma",
    "$END": "the end",
}
LANGUAGE = Language("serving.cql2", "grammar.lark", ("filter",), SIGNS)
SAME_PLACE_M = 0.1
Shape = Callable[[str], Condition]


def condition(text: str) -> Condition:
    """The condition in a filter.

    Raises:
        ProblemError: it is none; says what to change.
    """
    found: Condition = transformed(_Conditions(), LANGUAGE.parsed("filter", text)).children[0]
    return found


def opposite(found: Condition) -> Condition:
    """What a condition does not hold for; a field without a value makes neither it nor its opposite true."""
    if isinstance(found, AllOf):
        return AnyOf(tuple(map(opposite, found.parts)))
    if isinstance(found, AnyOf):
        return AllOf(tuple(map(opposite, found.parts)))
    if isinstance(found, Not):
        return found.part
    if isinstance(found, Everything | IsNull):
        return Not(found)
    return AllOf((Not(IsNull(found.field)), Not(found)))


@v_args(inline=True)
class _Conditions(Transformer[Token, Any]):
    def any_of(self, *parts: Condition) -> Condition:
        return AnyOf(parts)

    def all_of(self, *parts: Condition) -> Condition:
        return AllOf(parts)

    def negated(self, part: Condition) -> Condition:
        return opposite(part)

    def field(self, token: Token) -> str:
        return token.strip('"')

    def literal(self, token: Token) -> Value:
        return _value(token)

    def compared(self, field: str, operator: Token, value: Value) -> Condition:
        return Compare(field, "!=" if operator == "<>" else operator, value)  # type: ignore[arg-type]

    def turned(self, value: Value, operator: Token, field: str) -> Condition:
        return Compare(field, TURNED[operator], value)

    def like(self, field: str, negation: Token | None, pattern: Token) -> Condition:
        return _unless(negation, Like(field, str(_value(pattern))))

    def between(self, field: str, negation: Token | None, low: Value, high: Value) -> Condition:
        return _unless(negation, AllOf((Compare(field, ">=", low), Compare(field, "<=", high))))

    def one_of(self, field: str, negation: Token | None, *values: Value) -> Condition:
        return _unless(negation, OneOf(field, values))

    def is_null(self, field: str, negation: Token | None) -> Condition:
        return _unless(negation, IsNull(field))

    def is_true(self, field: str) -> Condition:
        return Compare(field, "=", True)

    def always(self, token: Token) -> Condition:
        return Everything() if token.lower() == "true" else Not(Everything())

    def pair(self, lon: Token, lat: Token) -> Point:
        return float(lon), float(lat)

    def point(self, _: Token, lon: Token, lat: Token) -> Shape:
        return lambda field: Near(field, (float(lon), float(lat)), SAME_PLACE_M)

    def polygon(self, _: Token, *ring: Point) -> Shape:
        return lambda field: InPolygon(field, ring)

    def box(self, _: Token, *edges: Token) -> Shape:
        west, south, east, north = map(float, edges)
        return lambda field: InBox(field, west, south, east, north)

    def intersects(self, _: Token, field: str, shape: Shape) -> Condition:
        return shape(field)


def _unless(negation: Token | None, found: Condition) -> Condition:
    return found if negation is None else opposite(found)


def _value(token: Token) -> Value:
    if token.type == "STRING":
        return token[1:-1].replace("''", "'")
    if token.type == "NUMBER":
        return int(token) if token.lstrip("+-").isdecimal() else float(token)
    if token.type == "BOOLEAN":
        return token.lower() == "true"
    return _instant(token.split("'")[1])


def _instant(text: str) -> datetime:
    try:
        return instant(text)
    except ValueError as e:
        raise problems.bad_query(f"filter: {problems.cut(text)!r} {e}", parameter="filter") from None
