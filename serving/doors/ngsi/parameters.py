"""Parameters of the paths, and the conditions they make."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from serving import problems
from serving.doors.ngsi.q import condition as q_condition
from serving.doors.ngsi.types import EntityType
from serving.doors.parameters import Text
from serving.queries.conditions import AllOf, AnyOf, Compare, Condition, InPolygon, Near, Not
from serving.queries.kinds import instant

MAX_IDS = 100
MAX_ENTITIES = 1000
MAX_IN_TIME = 100
MAX_OFFSET = 10_000
MAX_LAST = 100  # index.max_inner_result_window
TENANT_HEADER = "NGSILD-Tenant"
Options = Literal["normalized", "keyValues", "simplified", "temporalValues", "sysAttrs", "count"]


class Whose(BaseModel):
    """Whose data."""

    model_config = ConfigDict(populate_by_name=True)

    tenant: Annotated[
        list[str],
        Field(description="Tenants, repeated; `*` for all. Without it, the header NGSILD-Tenant or the key's own."),
    ] = []

    @classmethod
    def names(cls) -> set[str]:
        """The names of the parameters as they stand in an address."""
        return {f.alias or name for name, f in cls.model_fields.items()}


class Types(Whose):
    """How much of types."""

    details: Annotated[bool, Field(description="With the attributes of each.")] = False


class One(Whose):
    """How an entity is shown."""

    attrs: Annotated[Text, Field(description="Attributes, with commas between them; without it, all.")] = None
    options: Annotated[Text, Field(description="`keyValues` (or `simplified`) for the values alone.")] = None


class Many(One):
    """Which entities."""

    type: Annotated[Text, Field(description="A type of `/types`.")] = None
    id: Annotated[Text, Field(description="Ids, with commas between them; all of one type.")] = None
    q: Annotated[Text, Field(description='A condition: `temperature>30;localClimateZone=="2"`.')] = None
    georel: Annotated[Text, Field(description="`near;maxDistance==500`, `near;minDistance==500` or `within`.")] = None
    geometry: Annotated[Literal["Point", "Polygon"] | SkipJsonSchema[None], Field()] = None
    coordinates: Annotated[Text, Field(description="`[lon,lat]`, or the rings of a polygon.")] = None
    geoproperty: Annotated[Text, Field(description="The attribute that says where.")] = None
    limit: Annotated[int, Field(ge=0, le=MAX_ENTITIES, description="Entities of a page.")] = 20
    offset: Annotated[int, Field(ge=0, le=MAX_OFFSET, description="Entities before the page.")] = 0
    count: Annotated[bool, Field(description="The header NGSILD-Results-Count says how many there are.")] = False


class During(BaseModel):
    """When."""

    timerel: Annotated[Literal["before", "after", "between"] | SkipJsonSchema[None], Field()] = None
    time_at: Annotated[Text, Field(alias="timeAt", description="A time (ISO 8601).")] = None
    end_time_at: Annotated[Text, Field(alias="endTimeAt", description="The end, with `between`.")] = None
    timeproperty: Annotated[Literal["observedAt"], Field()] = "observedAt"
    last_n: Annotated[
        int | SkipJsonSchema[None], Field(alias="lastN", ge=1, le=MAX_LAST, description="The newest few of each.")
    ] = None


class OneInTime(During, One):
    """How the evolution of an entity is shown."""


class ManyInTime(During, Many):
    """The evolution of which entities."""

    limit: Annotated[int, Field(ge=0, le=MAX_IN_TIME, description="Entities of a page.")] = 20


def options(asked: One) -> set[str]:
    """The options that are asked for.

    Raises:
        ProblemError: one is not known here.
    """
    found = {text.strip() for text in (asked.options or "").split(",")} - {""}
    if unknown := sorted(found - set(Options.__args__)):  # type: ignore[attr-defined]
        known = ", ".join(Options.__args__)  # type: ignore[attr-defined]
        raise problems.bad_parameter("options", f"{problems.cut(unknown[0])!r} is not one of {known}")
    return found


def shown(asked: One, of: EntityType) -> list[str]:
    """The attributes that are shown.

    Raises:
        ProblemError: the type has no such attribute.
    """
    if asked.attrs is None:
        return list(of.attributes)
    wanted = {of.attribute(name.strip()).name for name in asked.attrs.split(",")}
    return [name for name, field in of.attributes.items() if field.name in wanted]


def ids(asked: Many) -> list[str]:
    """The ids that are asked for.

    Raises:
        ProblemError: there are too many.
    """
    found = [text.strip() for text in asked.id.split(",")] if asked.id else []
    if len(found) > MAX_IDS:
        raise problems.bad_parameter("id", f"{len(found)} of them, and there may be {MAX_IDS}")
    return found


def tenants(request: Request, asked: Whose) -> list[str]:
    """The tenants that are asked for."""
    header = request.headers.get(TENANT_HEADER)
    return asked.tenant or ([header] if header else [])


def of_entities(names: Sequence[str], of: EntityType) -> Condition:
    """The condition for the entities of these ids."""
    return AnyOf(tuple(c for name in names if (c := of.entity(name)) is not None))


def of_states(asked: Many, of: EntityType) -> list[Condition]:
    """The conditions for what is the case with an entity, and where it is.

    Raises:
        ProblemError: one cannot be read.
    """
    found = [q_condition(asked.q, of)] if asked.q is not None else []
    return [*found, *_places(asked, of)]


def of_times(asked: During, of: EntityType) -> Iterable[Condition]:
    """The conditions for when it was.

    Raises:
        ProblemError: the parameters do not go together, or are no times.
    """
    wanted = {None: 0, "before": 1, "after": 1, "between": 2}[asked.timerel]
    given = [t for t in (asked.time_at, asked.end_time_at) if t is not None]
    if len(given) != wanted or (wanted and asked.time_at is None):
        detail = "`before` and `after` go with timeAt, `between` with timeAt and endTimeAt"
        raise problems.bad_parameter("timerel", detail)
    times, time = [_time(text) for text in given], of.contract.time
    if asked.timerel in ("after", "between"):
        yield Compare(time, ">" if asked.timerel == "after" else ">=", times[0])
    if asked.timerel in ("before", "between"):
        yield Compare(time, "<", times[-1])


def _time(text: str) -> datetime:
    try:
        return instant(text)
    except ValueError as e:
        raise problems.bad_parameter("timeAt", f"{problems.cut(text)!r} {e}") from None


def _places(asked: Many, of: EntityType) -> Iterable[Condition]:
    given = (asked.georel, asked.geometry, asked.coordinates)
    if all(g is None for g in given) and asked.geoproperty is None:
        return
    if asked.georel is None or asked.geometry is None or asked.coordinates is None:
        raise problems.bad_parameter("georel", "goes with geometry and coordinates, and they with it")
    place = of.attribute(asked.geoproperty or "location")
    if place != of.place:
        raise problems.bad_parameter("geoproperty", f"{problems.cut(str(asked.geoproperty))!r} says no place")
    relation, *modifiers = asked.georel.split(";")
    coordinates = _coordinates(asked.coordinates)
    if relation == "near" and asked.geometry == "Point" and len(modifiers) == 1:
        yield _near(place.name, coordinates, modifiers[0])
    elif relation in ("within", "intersects") and asked.geometry == "Polygon" and not modifiers:
        yield InPolygon(place.name, _ring(coordinates))
    else:
        usage = "`near;maxDistance==500` or `near;minDistance==500` with a Point, `within` with a Polygon"
        raise problems.bad_parameter("georel", f"{problems.cut(asked.georel)!r} is not {usage}")


def _near(place: str, coordinates: Any, modifier: str) -> Condition:
    name, _, text = modifier.partition("==")
    try:
        lon, lat = map(float, coordinates)
        near = Near(place, (lon, lat), float(text))
    except (ValueError, TypeError):
        raise problems.bad_parameter("georel", f"{problems.cut(modifier)!r} is no distance from a point") from None
    if name == "maxDistance":
        return near
    if name == "minDistance":
        return Not(near)
    raise problems.bad_parameter("georel", "near goes with maxDistance or minDistance")


def _coordinates(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise problems.bad_parameter("coordinates", f"{problems.cut(text)!r} is not such as [1.44,43.6]") from None


def _ring(coordinates: Any) -> tuple[tuple[float, float], ...]:
    try:
        (ring,) = coordinates
        return tuple((float(lon), float(lat)) for lon, lat in ring)
    except (ValueError, TypeError):
        detail = "a polygon is one ring, such as [[[1,43],[2,43],[2,44],[1,43]]]"
        raise problems.bad_parameter("coordinates", detail) from None


def condition(parts: Iterable[Condition]) -> Condition:
    """All of the conditions."""
    return AllOf(tuple(parts))
