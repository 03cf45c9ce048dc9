"""Conditions as queries of Elasticsearch: values are compared, and nothing of them is interpreted."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import singledispatch
from typing import Any

from schemas import Field
from serving import problems
from serving.queries.conditions import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Contains,
    Everything,
    InBox,
    InPolygon,
    IsNull,
    Like,
    Near,
    Not,
    OneOf,
    StartsWith,
)
from serving.queries.kinds import ORDERED, FieldKind, compared, exact, kind_of, require

Fields = Callable[[str], Field]  # raises for a field that is not there for the caller
Query = dict[str, Any]
RANGES = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}
WILD = re.compile(r"([\\*?])")
FORM = re.compile(r"\\.|[\\%_*?]", re.DOTALL)
TEXTS = {FieldKind.NAME, FieldKind.TEXT}
PLACES = {FieldKind.PLACE}
MAX_DISTANCE_M = 20_040_000.0
MAX_VALUES = 1000


@singledispatch
def rendered(condition: Condition, fields: Fields) -> Query:
    """The query for a condition on these fields.

    Raises:
        ProblemError: a field is not there, or a value is not of its kind.
    """
    raise NotImplementedError(type(condition), fields)


@rendered.register
def _(_: Everything, __: Fields) -> Query:
    return {"match_all": {}}


@rendered.register
def _(c: Compare, fields: Fields) -> Query:
    field = require(fields(c.field), ORDERED, f"a comparison with {c.operator}")
    value = compared(field, c.value)
    if c.operator in RANGES:
        return {"range": {exact(field): {RANGES[c.operator]: value}}}
    same = {"term": {exact(field): {"value": value}}}
    return same if c.operator == "=" else {"bool": {"filter": [_exists(field)], "must_not": [same]}}


@rendered.register
def _(c: OneOf, fields: Fields) -> Query:
    field = require(fields(c.field), ORDERED, "a list of values")
    if len(c.values) > MAX_VALUES:
        raise problems.bad_query(f"{c.field}: {len(c.values)} values, and at most {MAX_VALUES} can be compared")
    return {"terms": {exact(field): [compared(field, v) for v in c.values]}}


@rendered.register
def _(c: IsNull, fields: Fields) -> Query:
    return {"bool": {"must_not": [_exists(fields(c.field))]}}


@rendered.register
def _(c: Contains, fields: Fields) -> Query:
    field = require(fields(c.field), TEXTS, "a search for words")
    text = str(compared(field, c.text))
    if kind_of(field) is FieldKind.TEXT:
        return {"match": {field.name: {"query": text, "operator": "and"}}}
    return {"wildcard": {field.name: {"value": f"*{WILD.sub(_escaped, text)}*", "case_insensitive": True}}}


@rendered.register
def _(c: StartsWith, fields: Fields) -> Query:
    field = require(fields(c.field), TEXTS, "a beginning")
    return {"prefix": {exact(field): {"value": str(compared(field, c.text))}}}


@rendered.register
def _(c: Like, fields: Fields) -> Query:
    field = require(fields(c.field), TEXTS, "a form")
    pattern = FORM.sub(_wild, str(compared(field, c.pattern)))
    return {"wildcard": {exact(field): {"value": pattern}}}


@rendered.register
def _(c: InBox, fields: Fields) -> Query:
    field = require(fields(c.field), PLACES, "a box")
    _require_places((c.west, c.south), (c.east, c.north))
    if c.south > c.north:
        raise problems.bad_query(f"the box's south {c.south:g} lies north of its north {c.north:g}")
    edges = {"top": c.north, "left": c.west, "bottom": c.south, "right": c.east}
    return {"geo_bounding_box": {field.name: edges}}


@rendered.register
def _(c: Near, fields: Fields) -> Query:
    field = require(fields(c.field), PLACES, "a distance")
    _require_places(c.point)
    if not 0 < c.distance_m <= MAX_DISTANCE_M:
        raise problems.bad_query(f"the distance {c.distance_m:g} m is not above 0 and below {MAX_DISTANCE_M:g}")
    where = {"lon": c.point[0], "lat": c.point[1]}
    return {"geo_distance": {"distance": f"{c.distance_m!r}m", field.name: where}}


@rendered.register
def _(c: InPolygon, fields: Fields) -> Query:
    field = require(fields(c.field), PLACES, "a polygon")
    _require_places(*c.ring)
    if not 4 <= len(c.ring) <= MAX_VALUES or c.ring[0] != c.ring[-1]:
        raise problems.bad_query(f"a polygon has 4 to {MAX_VALUES} points, the last of them the same as the first")
    shape = {"type": "polygon", "coordinates": [[list(p) for p in c.ring]]}
    return {"geo_shape": {field.name: {"shape": shape, "relation": "intersects"}}}


@rendered.register
def _(c: AllOf, fields: Fields) -> Query:
    return {"bool": {"filter": [rendered(p, fields) for p in c.parts]}}


@rendered.register
def _(c: AnyOf, fields: Fields) -> Query:
    if not c.parts:
        return {"match_none": {}}  # of no alternatives none holds, while Elasticsearch takes none for all
    return {"bool": {"should": [rendered(p, fields) for p in c.parts], "minimum_should_match": 1}}


@rendered.register
def _(c: Not, fields: Fields) -> Query:
    return {"bool": {"must_not": [rendered(c.part, fields)]}}


def _exists(field: Field) -> Query:
    if kind_of(field) is FieldKind.OPAQUE:
        raise problems.bad_query(f"{field.name} is of the kind {FieldKind.OPAQUE} and can only be shown")
    return {"exists": {"field": field.name}}


def _escaped(found: re.Match[str]) -> str:
    return "\\" + found[0]


def _wild(found: re.Match[str]) -> str:
    sign = found[0]
    return {"%": "*", "_": "?"}.get(sign) or WILD.sub(_escaped, sign[-1])


def _require_places(*points: tuple[float, float]) -> None:
    for lon, lat in points:
        if not (-180 <= lon <= 180 and -90 <= lat <= 90):
            raise problems.bad_query(f"{lon:g}, {lat:g} is no place: longitude −180 to 180, latitude −90 to 90")
