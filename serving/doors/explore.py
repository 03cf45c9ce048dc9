"""The paths of the Explore API v2.1 of Opendatasoft, for the tools of public bodies that speak it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from serving import problems
from serving.access.view import View, views
from serving.doors.answers import TAKEN, exported, fields_of, json, plain_columns, renamed, stream
from serving.doors.asking import Asking, Known, tenants, viewed
from serving.doors.datasets import grouping_of, order_of, require_known
from serving.doors.explore_catalogue import described
from serving.doors.parameters import MAX_LIMIT, Text
from serving.exports import FORMATS
from serving.exports.csv import with_delimiter
from serving.exports.format import Exported
from serving.odsql.clauses import Selection, orders, selection
from serving.odsql.where import condition as odsql
from serving.queries.conditions import AllOf, Condition, Not, OneOf
from serving.queries.grouped import ordered
from serving.queries.kinds import FieldKind, kind_of
from serving.queries.measures import Measure
from serving.services import Services

PREFIX = "/api/explore/v2.1/catalog/datasets"
router = APIRouter(prefix=PREFIX, tags=["explore v2.1"])
MAX_RECORDS = 100
FACET_VALUES = 20
FACETS = {FieldKind.NAME, FieldKind.BOOLEAN}
NAMES = {"jsonl": "ndjson"}
OnlyTenants = Annotated[list[str], Query()]
Tenants = Annotated[list[str], Field(description="Tenants, repeated; `*` for all. Without it, the key's own.")]
Refinements = Annotated[list[str], Field(description="`field:value`, repeated.")]
FormatName = Literal["csv", "geojson", "json", "jsonl", "parquet"]


class Listed(BaseModel):
    """Which datasets of the catalogue."""

    tenant: Tenants = []
    limit: Annotated[int, Field(ge=0, le=MAX_RECORDS)] = 10
    offset: Annotated[int, Field(ge=0, le=MAX_LIMIT)] = 0


class Chosen(BaseModel):
    """Which records."""

    tenant: Tenants = []
    where: Annotated[Text, Field(description="A condition in ODSQL.")] = None
    refine: Refinements = []
    exclude: Refinements = []


class Shaped(Chosen):
    """Which records, and how they are shown."""

    select: Annotated[Text, Field(description="Fields and figures: `zone_id, avg(occupancy_ratio) AS mean`.")] = None
    group_by: Annotated[Text, Field(description="Fields, and steps: `zone_id, range(window_start, 1 day)`.")] = None
    order_by: Annotated[Text, Field(description="Fields or figures, with `ASC` or `DESC`.")] = None
    timezone: Annotated[str, Field(max_length=64, description="Zone whose days and weeks are meant.")] = "UTC"


class Records(Shaped):
    """How many records."""

    limit: Annotated[int, Field(ge=0, le=MAX_RECORDS)] = 10
    offset: Annotated[int, Field(ge=0, le=MAX_LIMIT)] = 0


class Export(Shaped):
    """The same, as a file."""

    limit: Annotated[int, Field(ge=-1, description="Records; −1 for all.")] = -1
    delimiter: Annotated[Literal[",", ";", "\t", "|"], Field(description="Between the cells of CSV.")] = ";"


@router.get("", summary="The datasets")
def catalogue(request: Request, who: Asking, known: Known, asked: Annotated[Listed, Query()]) -> Response:
    """The datasets that the caller may see."""
    require_known(request, set(Listed.model_fields))
    found = list(views(known.contracts.values(), who, tenants(asked.tenant)).values())
    some = found[asked.offset : asked.offset + asked.limit]
    return json({"total_count": len(found), "results": [described(v, known.reader.total(v)) for v in some]})


@router.get("/{dataset_id}", summary="A dataset")
def one(
    request: Request,
    dataset_id: str,
    who: Asking,
    known: Known,
    tenant: OnlyTenants = [],  # noqa: B006
) -> Response:
    """A dataset with its fields."""
    require_known(request, {"tenant"})
    view = viewed(request, dataset_id, tenant, who)
    return json(described(view, known.reader.total(view)))


@router.get("/{dataset_id}/records", summary="Records, or figures of groups of them")
def records(
    request: Request, dataset_id: str, who: Asking, known: Known, asked: Annotated[Records, Query()]
) -> Response:
    """Records of a dataset; with `group_by` or figures in `select`, a row for each group."""
    require_known(request, set(Records.model_fields))
    view = viewed(request, dataset_id, asked.tenant, who)
    wanted, selected = _condition(asked, view), _selection(asked, view)
    if asked.offset + asked.limit > MAX_LIMIT:
        raise problems.bad_parameter("offset", f"offset and limit reach {MAX_LIMIT:,} together; take an export")
    if _is_grouped(asked, selected):
        rows = _rows(known, view, wanted, asked, selected)[0]
        return json({"total_count": len(rows), "results": rows[asked.offset : asked.offset + asked.limit]})
    shown, order = plain_columns(view, selected), order_of(view, asked.order_by)
    total, found = known.reader.some(view, wanted, fields_of(shown), order, asked.offset, asked.limit)
    return json({"total_count": total, "results": renamed(found, shown)})


@router.get("/{dataset_id}/exports", summary="The formats of exports")
def exports(
    request: Request,
    dataset_id: str,
    who: Asking,
    tenant: OnlyTenants = [],  # noqa: B006
) -> Response:
    """The addresses of a dataset's exports."""
    require_known(request, {"tenant"})
    viewed(request, dataset_id, tenant, who)
    base = str(request.url.replace(query=""))
    names = FormatName.__args__  # type: ignore[attr-defined]
    return json({"links": [{"rel": name, "href": f"{base}/{name}"} for name in names]})


@router.get("/{dataset_id}/exports/{format_name}", summary="Records to take away", responses=TAKEN)
def export(
    request: Request,
    dataset_id: str,
    format_name: FormatName,
    who: Asking,
    known: Known,
    asked: Annotated[Export, Query()],
) -> Response:
    """All records that the parameters leave, or figures of groups of them, as a file."""
    require_known(request, set(Export.model_fields))
    view = viewed(request, dataset_id, asked.tenant, who)
    wanted, selected = _condition(asked, view), _selection(asked, view)
    form = with_delimiter(asked.delimiter) if format_name == "csv" else FORMATS[NAMES.get(format_name, format_name)]
    most = None if asked.limit == -1 else asked.limit
    if _is_grouped(asked, selected):
        rows, shown = _rows(known, view, wanted, asked, selected)
        return stream(form, iter([rows[:most]]), shown, view.dataset.name)
    columns = plain_columns(view, selected)
    pages = known.reader.scan(view, wanted, fields_of(columns), order_of(view, asked.order_by), most)
    return exported(view, columns, pages, form, view.dataset.name)


@router.get("/{dataset_id}/facets", summary="Values of fields, counted")
def facets(request: Request, dataset_id: str, who: Asking, known: Known, asked: Annotated[Chosen, Query()]) -> Response:
    """The most frequent values of each field that has names."""
    require_known(request, set(Chosen.model_fields))
    view = viewed(request, dataset_id, asked.tenant, who)
    names = [f.name for f in view.fields.values() if kind_of(f) in FACETS]
    found = known.reader.values(view, _condition(asked, view), names, FACET_VALUES)
    shown = [
        {"name": n, "facets": [{"name": str(v), "value": str(v), "count": c, "state": "displayed"} for v, c in values]}
        for n, values in found.items()
    ]
    return json({"links": [], "facets": shown})


def _condition(asked: Chosen, view: View) -> Condition:
    parts: list[Condition] = [odsql(asked.where, view.fields)] if asked.where is not None else []
    parts += [_refined("refine", text) for text in asked.refine]
    parts += [Not(_refined("exclude", text)) for text in asked.exclude]
    return AllOf(tuple(parts))


def _refined(name: str, text: str) -> Condition:
    field, colon, value = text.partition(":")
    if not colon:
        raise problems.bad_parameter(name, f"{problems.cut(text)!r} is not field:value")
    return OneOf(field, (value.strip('"'),))


def _selection(asked: Shaped, view: View) -> Selection | None:
    return selection(asked.select, list(view.fields)) if asked.select is not None else None


def _is_grouped(asked: Shaped, selected: Selection | None) -> bool:
    return asked.group_by is not None or bool(selected and selected.measures)


def _rows(
    known: Services, view: View, wanted: Condition, asked: Shaped, selected: Selection | None
) -> tuple[list[dict[str, Any]], list[Exported]]:
    """A row for each group, and its columns."""
    groups = grouping_of(asked.group_by, asked.timezone)
    names = {g.name for g in groups} | {g.field for g in groups}
    for column in selected.columns if selected else ():
        if column.field not in names:
            raise problems.bad_query(f"select: {column.field} is neither a figure nor in group_by")
    measures: tuple[Measure, ...] = selected.measures if selected else ()
    found = known.reader.groups(view, wanted, groups, measures)
    shown = [Exported(g.name, view.field(g.field)) for g in groups] + [Exported(m.name, None) for m in measures]
    by = orders(asked.order_by) if asked.order_by is not None else ()
    return ordered(found, by, [c.name for c in shown]), shown
