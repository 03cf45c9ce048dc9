"""`where` as a condition."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lark import Token, Transformer, v_args

from schemas import Field
from serving import problems
from serving.languages import transformed
from serving.odsql.literals import date_of, metres_of, name_of, number_of, point_of, ring_of, text_of
from serving.odsql.parsing import parsed
from serving.queries.conditions import (
    AllOf,
    AnyOf,
    Compare,
    Comparison,
    Condition,
    Contains,
    InBox,
    InPolygon,
    IsNull,
    Near,
    Not,
    OneOf,
    StartsWith,
    Value,
)
from serving.queries.kinds import kind_of
from serving.queries.rendering import TEXTS

SAME: Mapping[str, Comparison] = {"<>": "!=", ":": "="}
LITERALS: Mapping[str, Callable[[Token], Value]] = {
    "STRING": text_of,
    "NUMBER": number_of,
    "DATE": date_of,
    "BOOLEAN": lambda t: t.lower() == "true",
}
FUNCTIONS = {
    "in_bbox": "in_bbox(location, south, west, north, east)",
    "within_distance": "within_distance(location, geom'POINT(1.44 43.6)', 500m)",
    "within": "within(location, geom'POLYGON((…))')",
    "intersects": "intersects(location, geom'POLYGON((…))')",
    "startswith": 'startswith(entity_id, "parking-")',
    "search": 'search(name, "capitole")',
}


def condition(text: str, fields: Mapping[str, Field]) -> Condition:
    """The condition in a `where` clause; a text by itself is looked for in all fields that hold texts.

    Raises:
        ProblemError: it is none; says what to change.
    """
    found: Condition = transformed(_Conditions(fields), parsed("where", text)).children[0]
    return found


@v_args(inline=True)
class _Conditions(Transformer[Token, Any]):
    def __init__(self, fields: Mapping[str, Field]) -> None:
        super().__init__()
        self._texts = [f.name for f in fields.values() if kind_of(f) in TEXTS]

    def any_of(self, *parts: Condition) -> Condition:
        return AnyOf(parts)

    def all_of(self, *parts: Condition) -> Condition:
        return AllOf(parts)

    def negated(self, part: Condition) -> Condition:
        return Not(part)

    def field(self, token: Token) -> str:
        return name_of(token)

    def literal(self, token: Token) -> Value:
        return LITERALS[token.type](token)

    def argument(self, value: Any) -> Any:
        return value

    def compared(self, field: str, operator: Token, value: Value) -> Condition:
        return Compare(field, SAME.get(operator, operator), value)  # type: ignore[arg-type]

    def one_of(self, field: str, *values: Value) -> Condition:
        return OneOf(field, values)

    def none_of(self, field: str, *values: Value) -> Condition:
        return Not(OneOf(field, values))

    def between(self, field: str, opening: Token, low: Value, high: Value, closing: Token) -> Condition:
        first: Comparison = ">=" if opening == "[" else ">"
        last: Comparison = "<=" if closing == "]" else "<"
        return AllOf((Compare(field, first, low), Compare(field, last, high)))

    def is_null(self, field: str) -> Condition:
        return IsNull(field)

    def is_not_null(self, field: str) -> Condition:
        return Not(IsNull(field))

    def is_boolean(self, field: str, token: Token) -> Condition:
        return Compare(field, "=", token.lower() == "true")

    def is_true(self, field: str) -> Condition:
        return Compare(field, "=", True)

    def like(self, field: str, token: Token) -> Condition:
        return Contains(field, text_of(token))

    def words(self, token: Token) -> Condition:
        return self._anywhere(text_of(token))

    def function(self, name: Token, *arguments: Any) -> Condition:
        given = [a for a in arguments if a is not None]
        try:
            return self._called(name.lower(), given)
        except (TypeError, ValueError, IndexError):
            usage = FUNCTIONS.get(name.lower())
            if usage is None:
                known = ", ".join(FUNCTIONS)
                raise problems.bad_query(
                    f"where: there is no function {problems.cut(name)}; there are {known}"
                ) from None
            raise problems.bad_query(f"where: {name.lower()} is written {usage}") from None

    def _called(self, name: str, given: Sequence[Any]) -> Condition:
        if name == "in_bbox":
            field, south, west, north, east = given
            return InBox(_name(field), float(west), float(south), float(east), float(north))
        if name == "within_distance":
            field, point, length = given
            return Near(_name(field), point_of(_geometry(point)), metres_of(_token(length, "LENGTH")))
        if name in ("within", "intersects"):
            field, shape = given
            return InPolygon(_name(field), ring_of(_geometry(shape)))
        if name == "startswith":
            field, text = given
            return StartsWith(_name(field), _text(text))
        if name == "search":
            *fields, text = given
            return (
                AnyOf(tuple(Contains(_name(f), _text(text)) for f in fields)) if fields else self._anywhere(_text(text))
            )
        raise ValueError(name)

    def _anywhere(self, text: str) -> Condition:
        return AnyOf(tuple(Contains(name, text) for name in self._texts))


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _text(value: Any) -> str:
    return _name(value)


def _token(value: Any, kind: str) -> Token:
    if not isinstance(value, Token) or value.type != kind:
        raise TypeError
    return value


def _geometry(value: Any) -> str:
    return _token(value, "GEOMETRY")[5:-1]
