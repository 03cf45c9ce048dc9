"""`select`, `group_by` and `order_by` as typed values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

from lark import Token, Transformer, v_args

from serving import problems
from serving.languages import transformed
from serving.odsql.literals import name_of, number_of
from serving.odsql.parsing import Clause, parsed
from serving.queries.bodies import Order
from serving.queries.measures import Grouping, Kind, Measure, Step

MAX_ITEMS = 100
SHORT = {"s": "second", "m": "minute", "min": "minute", "h": "hour", "d": "day", "w": "week", "y": "year"}


@dataclass(frozen=True)
class Column:
    """A field as it is shown, under its name or another."""

    name: str
    field: str


@dataclass(frozen=True)
class Selection:
    """What is shown: fields, or figures."""

    columns: tuple[Column, ...]
    measures: tuple[Measure, ...]


def selection(text: str, fields: Sequence[str]) -> Selection:
    """What a `select` clause shows; `*` stands for all the fields.

    Raises:
        ProblemError: it is no such clause.
    """
    columns: list[Column] = []
    measures: list[Measure] = []
    for item in _items("select", text):
        if isinstance(item, Measure):
            measures.append(item)
        else:
            columns += [item] if isinstance(item, Column) else [Column(f, f) for f in fields]
    _require_names("select", [*columns, *measures])
    return Selection(tuple(columns), tuple(measures))


def groupings(text: str, zone: str = "UTC") -> tuple[Grouping, ...]:
    """What a `group_by` clause groups by; days begin at midnight of the zone.

    Raises:
        ProblemError: it is no such clause.
    """
    found = [Grouping(g.name, g.field, g.step, zone) for g in _items("group_by", text)]
    _require_names("group_by", found)
    return tuple(found)


def orders(text: str) -> tuple[Order, ...]:
    """What an `order_by` clause sorts by: fields, or names of figures.

    Raises:
        ProblemError: it is no such clause.
    """
    return tuple(_items("order_by", text))


def step_of(count: float, unit: str) -> Step:
    """A step of time, its unit in words or short."""
    word = unit.lower()
    word = SHORT.get(word, word.rstrip("s") if len(word) > 2 else word)
    if count != int(count):
        raise problems.bad_query(f"a step of {count:g} {problems.cut(unit)} is not a whole number")
    return Step(int(count), word)


def _items(clause: Clause, text: str) -> list[Any]:
    found: list[Any] = transformed(_Clauses(), parsed(clause, text)).children
    if len(found) > MAX_ITEMS:
        raise problems.bad_query(f"{clause}: {len(found)} parts, and there may be {MAX_ITEMS}")
    return found


def _require_names(clause: Clause, items: Sequence[Any]) -> None:
    names = [i.name for i in items]
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise problems.bad_query(f"{clause}: two parts are called {', '.join(twice)}; name one with AS")


@v_args(inline=True)
class _Clauses(Transformer[Token, Any]):
    def field(self, token: Token) -> str:
        return name_of(token)

    def alias(self, token: Token) -> str:
        return name_of(token)

    def every_field(self) -> None:
        return None

    def plain(self, field: str, alias: str | None) -> Column:
        return Column(alias or field, field)

    def measure(self, name: Token, distinct: Token | None, what: str | Token) -> Measure:
        kinds: dict[str, Kind] = {k: k for k in get_args(Kind)}
        kind, field = kinds.get(name.lower()), None if isinstance(what, Token) else what
        if kind is None:
            raise problems.bad_query(f"there is no function {problems.cut(name)}; there are {', '.join(kinds)}")
        if kind != "count" and (field is None or distinct):
            raise problems.bad_query(f"{kind} needs a field: {kind}(field)")
        shown = f"{kind}({'distinct ' if distinct else ''}{field or '*'})"
        return Measure(shown, kind, field, distinct is not None)

    def figure(self, measure: Measure, alias: str | None) -> Measure:
        return Measure(alias or measure.name, measure.kind, measure.field, measure.is_distinct)

    def by_value(self, field: str, alias: str | None) -> Grouping:
        return Grouping(alias or field, field)

    def by_step(self, name: Token, field: str, count: Token, unit: Token | None, alias: str | None) -> Grouping:
        if name.lower() != "range":
            raise problems.bad_query(f"there is no function {problems.cut(name)}; there is range(field, step)")
        number = number_of(count)
        step = float(number) if unit is None else step_of(number, unit)
        return Grouping(alias or field, field, step)

    def ordered(self, what: str | Measure, direction: Token | None) -> Order:
        name = what.name if isinstance(what, Measure) else what
        return Order(name, direction is not None and direction.lower() == "desc")
