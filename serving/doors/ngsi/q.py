"""The query language `q` as a condition."""

from __future__ import annotations

from typing import Any

from lark import Token, Transformer, v_args

from serving import problems
from serving.doors.ngsi.types import EntityType
from serving.languages import Language, transformed
from serving.queries.conditions import AllOf, AnyOf, Compare, Condition, IsNull, Not, OneOf, Value
from serving.queries.kinds import instant

SIGNS = {
    "NAME": "an attribute",
    "OPERATOR": "a comparison such as >",
    "EQUAL": "==",
    "STRING": "a text in double quotes",
    "NUMBER": "a number",
    "INSTANT": "a time",
    "WORD": "true, false or a word",
    "VBAR": "|",
    "SEMICOLON": ";",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": "a comma",
    "__ANON_0": "..",
    "$END": "the end",
}
BOOLEANS = {"true": True, "false": False}
LANGUAGE = Language("serving.doors.ngsi", "q.lark", ("q",), SIGNS)


def condition(text: str, of: EntityType) -> Condition:
    """The condition in a `q`.

    Raises:
        ProblemError: it is none; says what to change.
    """
    found: Condition = transformed(_Conditions(of), LANGUAGE.parsed("q", text)).children[0]
    return found


@v_args(inline=True)
class _Conditions(Transformer[Token, Any]):
    def __init__(self, of: EntityType) -> None:
        super().__init__()
        self._of = of

    def any_of(self, *parts: Condition) -> Condition:
        return AnyOf(parts)

    def all_of(self, *parts: Condition) -> Condition:
        return AllOf(parts)

    def value(self, token: Token) -> Token:
        return token

    def exists(self, name: Token) -> Condition:
        return Not(IsNull(self._of.attribute(str(name)).name))

    def compared(self, name: Token, operator: Token, value: Token) -> Condition:
        field = self._of.attribute(str(name))
        same = {"==": "=", "!=": "!="}.get(operator, str(operator))
        return Compare(field.name, same, _value(value))  # type: ignore[arg-type]

    def one_of(self, name: Token, operator: Token, *values: Token) -> Condition:
        field = self._of.attribute(str(name)).name
        return _unless(operator, field, OneOf(field, tuple(map(_value, values))))

    def between(self, name: Token, operator: Token, low: Token, high: Token) -> Condition:
        field = self._of.attribute(str(name)).name
        inside = AllOf((Compare(field, ">=", _value(low)), Compare(field, "<=", _value(high))))
        return _unless(operator, field, inside)


def _unless(operator: Token, field: str, found: Condition) -> Condition:
    return found if operator == "==" else AllOf((Not(IsNull(field)), Not(found)))


def _value(token: Token) -> Value:
    if token.type == "STRING":
        return token[1:-1]
    if token.type == "NUMBER":
        return int(token) if token.lstrip("+-").isdecimal() else float(token)
    if token.type == "INSTANT":
        try:
            return instant(token)
        except ValueError as e:
            raise problems.bad_query(f"q: {token!s} {e}", parameter="q") from None
    return BOOLEANS.get(token, str(token))
