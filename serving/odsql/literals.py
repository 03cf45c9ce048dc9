"""Literals of ODSQL as values."""

from __future__ import annotations

import re
from datetime import datetime

from lark import Token

from serving import problems
from serving.queries.conditions import Point
from serving.queries.kinds import instant

METRES = {"km": 1000.0, "m": 1.0, "mi": 1609.344, "yd": 0.9144, "ft": 0.3048}
ESCAPE = re.compile(r"\\(.)")
NUMBER = r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
PAIR = rf"\s*({NUMBER})\s+({NUMBER})\s*"
POINT = re.compile(rf"POINT\s*\({PAIR}\)", re.IGNORECASE)
POLYGON = re.compile(rf"POLYGON\s*\(\s*\(((?:{PAIR})(?:,{PAIR})*)\)\s*\)", re.IGNORECASE)


def text_of(token: Token) -> str:
    """The text between quotes."""
    return ESCAPE.sub(r"\1", token[1:-1])


def name_of(token: Token) -> str:
    """The name of a field, without its quotes."""
    return token.strip("`")


def number_of(token: Token) -> int | float:
    """A number, whole where it is written so."""
    return int(token) if token.lstrip("+-").isdecimal() else float(token)


def date_of(token: Token) -> datetime:
    """The time in a date literal."""
    try:
        return instant(token[5:-1])
    except ValueError as e:
        raise problems.bad_query(f"{problems.cut(token)} {e}") from None


def metres_of(token: Token) -> float:
    """A distance in metres."""
    found = re.fullmatch(r"([\d.]+)\s*([a-z]+)", token.lower())
    if found is None:  # the grammar lets nothing else through
        raise ValueError(token)
    return float(found[1]) * METRES[found[2]]


def point_of(text: str) -> Point:
    """The point in a geometry literal.

    Raises:
        ProblemError: it is no point.
    """
    if found := POINT.fullmatch(text.strip()):
        return float(found[1]), float(found[2])
    raise problems.bad_query(f"{problems.cut(text)!r} is not a point such as geom'POINT(1.44 43.6)'")


def ring_of(text: str) -> tuple[Point, ...]:
    """The ring of a polygon without holes in a geometry literal.

    Raises:
        ProblemError: it is no such polygon.
    """
    if len(text) <= 4096 and (found := POLYGON.fullmatch(text.strip())):
        pairs = (pair.split() for pair in found[1].split(","))
        return tuple((float(lon), float(lat)) for lon, lat in pairs)
    raise problems.bad_query(f"{problems.cut(text)!r} is not a polygon such as geom'POLYGON((1 43, 2 43, 2 44, 1 43))'")
