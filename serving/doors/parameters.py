"""Parameters of questions, and the conditions they make together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from serving import problems
from serving.access.view import View
from serving.languages import MAX_CHARACTERS
from serving.odsql.where import condition as odsql
from serving.queries.conditions import (
    AllOf,
    Compare,
    Comparison,
    Condition,
    Everything,
    InBox,
    InPolygon,
    Near,
    OneOf,
)
from serving.queries.kinds import FieldKind, instant, kind_of

OPERATORS: dict[str, Comparison] = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
MAX_LIMIT = 10_000
Text = Annotated[str | SkipJsonSchema[None], Field(max_length=MAX_CHARACTERS)]


class Filters(BaseModel):
    """Which documents: those that all the parameters hold for."""

    model_config = ConfigDict(populate_by_name=True)

    tenant: Annotated[list[str], Field(description="Tenants, repeated; `*` for all. Without it, the key's own.")] = []
    where: Annotated[Text, Field(description="A condition in ODSQL.")] = None
    since: Annotated[Text, Field(alias="from", description="First time, inclusive (ISO 8601).")] = None
    until: Annotated[Text, Field(alias="to", description="Last time, exclusive (ISO 8601).")] = None
    bbox: Annotated[Text, Field(description="west,south,east,north in degrees.")] = None
    near: Annotated[Text, Field(description="longitude,latitude; with `radius_m`.")] = None
    radius_m: Annotated[float | SkipJsonSchema[None], Field(gt=0, le=1_000_000, description="Metres.")] = None
    polygon: Annotated[Text, Field(description="lon,lat,lon,lat,… of a ring; its last point is its first.")] = None

    @classmethod
    def names(cls) -> set[str]:
        """The names of the parameters as they stand in an address."""
        return {f.alias or name for name, f in cls.model_fields.items()}


class Shown(Filters):
    """Which fields, and in which order."""

    select: Annotated[Text, Field(description="Fields, as in `entity_id, occupancy_ratio AS ratio`.")] = None
    order_by: Annotated[Text, Field(description="Fields, as in `window_start DESC, entity_id`.")] = None


class Paged(Shown):
    """How much at a time."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, description="Documents of a page.")] = 1000
    cursor: Annotated[
        str | SkipJsonSchema[None], Field(max_length=16_384, description="`cursor` of the page before.")
    ] = None


class Taken(Shown):
    """How much in all."""

    limit: Annotated[int | SkipJsonSchema[None], Field(ge=1, description="Documents; without it, all.")] = None


class Newest(Filters):
    """How many entities."""

    select: Annotated[Text, Field(description="Fields, as in `entity_id, occupancy_ratio AS ratio`.")] = None
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, description="Entities.")] = 1000


class Aggregated(Filters):
    """Which figures, of which groups."""

    select: Annotated[Text, Field(description="Figures: `avg(occupancy_ratio) AS mean, count(*)`.")] = None
    group_by: Annotated[Text, Field(description="Fields, and steps: `zone_id, range(window_start, 1 hour)`.")] = None
    order_by: Annotated[Text, Field(description="Names of figures and groups.")] = None
    step: Annotated[Text, Field(description="Step of the dataset's time, such as `15 minutes` or `1 day`.")] = None
    h3: Annotated[
        int | SkipJsonSchema[None], Field(ge=0, le=15, description="Resolution of H3 cells to group places by.")
    ] = None
    timezone: Annotated[str, Field(max_length=64, description="Zone whose days and weeks are meant.")] = "UTC"
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, description="Groups.")] = MAX_LIMIT


def condition(request: Request, asked: Filters, view: View) -> Condition:
    """The condition that the parameters make together, those named after fields among them.

    Raises:
        ProblemError: a parameter cannot be read, or is neither known nor a field's.
    """
    parts = [*_times(asked, view), *_places(asked, view), *of_fields(request, asked.names(), view)]
    if asked.where is not None:
        parts.append(odsql(asked.where, view.fields))
    return AllOf(tuple(parts)) if parts else Everything()


def numbers(name: str, text: str, least: int, most: int) -> list[float]:
    """Numbers with commas between them.

    Raises:
        ProblemError: they are not numbers, or not so many.
    """
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not least <= len(found) <= most:
        wanted = f"{least}" if least == most else f"{least} to {most}"
        raise problems.bad_parameter(name, f"{problems.cut(text)!r} is not {wanted} numbers with commas between them")
    return found


def _times(asked: Filters, view: View) -> Iterable[Condition]:
    bounds: tuple[tuple[str, str | None, Comparison], ...] = (("from", asked.since, ">="), ("to", asked.until, "<"))
    for name, text, operator in bounds:
        if text is not None:
            try:
                yield Compare(view.dataset.contract.time, operator, instant(text))
            except ValueError as e:
                raise problems.bad_parameter(name, f"{problems.cut(text)!r} {e}") from None


def _places(asked: Filters, view: View) -> Iterable[Condition]:
    if (asked.near is None) != (asked.radius_m is None):
        raise problems.bad_parameter("near", "goes with radius_m, and radius_m with near")
    if asked.bbox is not None:
        west, south, east, north = numbers("bbox", asked.bbox, 4, 4)
        yield InBox(place_of(view), west, south, east, north)
    if asked.near is not None and asked.radius_m is not None:
        lon, lat = numbers("near", asked.near, 2, 2)
        yield Near(place_of(view), (lon, lat), asked.radius_m)
    if asked.polygon is not None:
        found = numbers("polygon", asked.polygon, 8, 2000)
        if len(found) % 2:
            raise problems.bad_parameter("polygon", f"{len(found)} numbers, and points have two each")
        yield InPolygon(place_of(view), tuple(zip(found[::2], found[1::2], strict=True)))


def place_of(view: View) -> str:
    """The field that says where.

    Raises:
        ProblemError: the dataset has none.
    """
    for field in view.fields.values():
        if kind_of(field) is FieldKind.PLACE:
            return field.name
    raise problems.bad_query(f"{view.dataset.name} has no places, so they cannot be asked for")


def of_fields(request: Request, known: set[str], view: View) -> Iterable[Condition]:
    """The conditions of parameters named after fields: `field=value` (repeated: one of them) and `field.gte=value`.

    Raises:
        ProblemError: a parameter is neither known nor a field's.
    """
    for name in dict.fromkeys(request.query_params):
        if name in known:
            continue
        given = request.query_params.getlist(name)
        field, _, operator = name.partition(".")
        if field not in view.fields or (operator and operator not in OPERATORS):
            raise problems.unknown_field(name, view.dataset.name, view.fields)
        if operator:
            yield from (Compare(field, OPERATORS[operator], value) for value in given)
        else:
            yield OneOf(field, tuple(given))
