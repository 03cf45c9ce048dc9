"""Clauses of ODSQL to trees."""

from __future__ import annotations

from typing import Literal

from lark import Token, Tree

from serving.languages import Language

Clause = Literal["where", "select", "group_by", "order_by"]
SIGNS = {
    "NAME": "a field",
    "QUOTED": "a field",
    "STRING": "a text in quotes",
    "NUMBER": "a number",
    "DATE": "date'2026-07-14'",
    "BOOLEAN": "true or false",
    "COMPARISON": "a comparison such as =",
    "BRACKET": "[",
    "GEOMETRY": "geom'POINT(lon lat)'",
    "LENGTH": "a distance such as 500m",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": "a comma",
    "DIRECTION": "asc or desc",
    "$END": "the end",
    "__ANON_0": "..",
}
ODSQL = Language("serving.odsql", "grammar.lark", ("where", "select", "group_by", "order_by"), SIGNS)


def parsed(clause: Clause, text: str) -> Tree[Token]:
    """The tree of a clause.

    Raises:
        ProblemError: it is none; says where it stops to be one, and what could stand there.
    """
    return ODSQL.parsed(clause, text)
