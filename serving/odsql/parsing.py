"""Clauses of ODSQL to trees, and what is wrong with those that are none."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Literal

from lark import Lark, Token, Tree, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from serving import problems

Clause = Literal["where", "select", "group_by", "order_by"]
MAX_CHARACTERS = 4096
MAX_DEPTH = 20
NAMES = {
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


@lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = files("serving.odsql").joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", start=["where", "select", "group_by", "order_by"], maybe_placeholders=True)


def parsed(clause: Clause, text: str) -> Tree[Token]:
    """The tree of a clause.

    Raises:
        ProblemError: it is none; says where it stops to be one, and what could stand there.
    """
    if len(text) > MAX_CHARACTERS:
        raise problems.bad_parameter(clause, f"has {len(text)} characters, and may have {MAX_CHARACTERS}")
    try:
        tree = _parser().parse(text, start=clause)
    except UnexpectedInput as e:
        raise problems.bad_query(_explained(clause, text, e), parameter=clause) from None
    if _depth(tree) > MAX_DEPTH:
        raise problems.bad_query(f"{clause}: more than {MAX_DEPTH} conditions within one another", parameter=clause)
    return tree


def _explained(clause: Clause, text: str, error: UnexpectedInput) -> str:
    at = len(text) if isinstance(error, UnexpectedToken) and error.token.type == "$END" else (error.pos_in_stream or 0)
    found = repr(text[at : at + 12]) if at < len(text) else "the end"
    allowed = error.allowed if isinstance(error, UnexpectedCharacters) else getattr(error, "accepts", None)
    known = {NAMES.get(name, name.strip("_").lower()) for name in (allowed or getattr(error, "expected", None) or ())}
    return f"{clause}: at character {at + 1} stands {found}, where {', '.join(sorted(known))} could stand"


def _depth(tree: Tree[Token]) -> int:
    deepest, waiting = 0, [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        deepest = max(deepest, depth)
        waiting += [(child, depth + 1) for child in node.children if isinstance(child, Tree)]
    return deepest
