"""Parameters of the paths, and the conditions they make."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from serving import problems
from serving.access.view import View
from serving.cql2 import condition as cql2
from serving.doors.datasets import require_known
from serving.doors.parameters import MAX_LIMIT, Text, numbers, of_fields, place_of
from serving.queries.conditions import AllOf, Compare, Comparison, Condition, InBox
from serving.queries.kinds import instant

OPEN = ("", "..")
WEST_SOUTH_EAST_NORTH = {4: (0, 1, 2, 3), 6: (0, 1, 3, 4)}  # with six numbers, the third and last are heights


class Page(BaseModel):
    """Whose data, in which format."""

    model_config = ConfigDict(populate_by_name=True)

    tenant: Annotated[list[str], Field(description="Tenants, repeated; `*` for all. Without it, the key's own.")] = []
    f: Annotated[
        Literal["json", "html"] | SkipJsonSchema[None],
        Field(description="Format; without it, the one that the header Accept prefers."),
    ] = None

    @classmethod
    def names(cls) -> set[str]:
        """The names of the parameters as they stand in an address."""
        return {f.alias or name for name, f in cls.model_fields.items()}


class Items(Page):
    """Which features."""

    bbox: Annotated[Text, Field(description="west,south,east,north in degrees (CRS84).")] = None
    when: Annotated[
        Text, Field(alias="datetime", description="A time, or an interval `first/last`, open with `..` (RFC 3339).")
    ] = None
    limit: Annotated[int, Field(ge=1, description="Features of a page.", json_schema_extra={"maximum": MAX_LIMIT})] = (
        100
    )
    cursor: Annotated[str | SkipJsonSchema[None], Field(max_length=16_384, description="Of a link `next`.")] = None
    filter: Annotated[Text, Field(description="A condition in CQL2 text.")] = None
    filter_lang: Annotated[Literal["cql2-text"], Field(alias="filter-lang", description="Language of `filter`.")] = (
        "cql2-text"
    )
    filter_crs: Annotated[
        Literal["http://www.opengis.net/def/crs/OGC/1.3/CRS84"],
        Field(alias="filter-crs", description="Of the places in `filter`."),
    ] = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"


def require_page(request: Request) -> None:
    """Refuse parameters that no page knows.

    Raises:
        ProblemError: there is one.
    """
    require_known(request, Page.names())


def condition(request: Request, asked: Items, view: View) -> Condition:
    """The condition that the parameters make together, those named after fields among them.

    Raises:
        ProblemError: a parameter cannot be read, or is neither known nor a field's.
    """
    parts = [*_box(asked, view), *_times(asked, view), *of_fields(request, asked.names(), view)]
    if asked.filter is not None:
        parts.append(cql2(asked.filter))
    return AllOf(tuple(parts))


def _box(asked: Items, view: View) -> Iterable[Condition]:
    if asked.bbox is not None:
        found = numbers("bbox", asked.bbox, 4, 6)
        if len(found) not in WEST_SOUTH_EAST_NORTH:
            raise problems.bad_parameter("bbox", f"{len(found)} numbers, and a box has 4, or 6 with heights")
        west, south, east, north = (found[i] for i in WEST_SOUTH_EAST_NORTH[len(found)])
        yield InBox(place_of(view), west, south, east, north)


def _times(asked: Items, view: View) -> Iterable[Condition]:
    if asked.when is None:
        return
    first, slash, last = asked.when.partition("/")
    bounds: tuple[tuple[str, Comparison], ...] = ((first, ">="), (last, "<=")) if slash else ((first, "="),)
    try:
        found = [(instant(text), operator) for text, operator in bounds if not slash or text not in OPEN]
    except ValueError as e:
        raise problems.bad_parameter("datetime", f"{problems.cut(asked.when)!r} {e}, or an interval of two") from None
    if len(found) > 1 and found[0][0] > found[1][0]:
        raise problems.bad_parameter("datetime", f"{problems.cut(asked.when)!r} ends before it begins")
    yield from (Compare(view.dataset.contract.time, operator, at) for at, operator in found)
