"""The API's own paths: the catalogue, latest states, history, figures of groups, and all of it to take away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from schemas.labels import labels
from serving import problems
from serving.access.view import View, views
from serving.catalogue import described
from serving.doors.answers import TAKEN, columns, exported, fields_of, json, renamed
from serving.doors.asking import Asking, Known, tenants, viewed
from serving.doors.paging import next_query, question_of
from serving.doors.parameters import Aggregated, Filters, Newest, Paged, Taken, condition, place_of
from serving.exports import FORMATS
from serving.odsql.clauses import groupings, orders, selection, step_of
from serving.queries.bodies import Document, Order
from serving.queries.cells import MAX_DOCUMENTS, by_cell
from serving.queries.conditions import Condition
from serving.queries.grouped import ordered
from serving.queries.measures import Grouping, Measure, Step, aggregation
from serving.services import Services

PREFIX = "/api/v1/datasets"
router = APIRouter(prefix=PREFIX)
COUNT = (Measure("count", "count"),)
FormatName = Literal["csv", "geojson", "json", "ndjson", "parquet"]


@router.get("", tags=["catalogue"], summary="What there is")
def catalogue(request: Request, who: Asking, known: Known, tenant: Annotated[list[str], Query()] = []) -> Response:  # noqa: B006
    """The datasets that the caller may see, with their fields; and what the quality flags mean."""
    require_known(request, {"tenant"})
    found = views(known.contracts.values(), who, tenants(tenant))
    return json({"datasets": [described(v) for v in found.values()], "flags": labels()["flags"]})


@router.get("/{dataset}", tags=["catalogue"], summary="One dataset")
def one(request: Request, dataset: str, who: Asking, tenant: Annotated[list[str], Query()] = []) -> Response:  # noqa: B006
    """A dataset with its fields: type, unit, range, meaning."""
    require_known(request, {"tenant"})
    return json(described(viewed(request, dataset, tenant, who)))


@router.get("/{dataset}/entities", summary="What the dataset is about")
def entities(request: Request, dataset: str, who: Asking, known: Known, asked: Annotated[Filters, Query()]) -> Response:
    """The entities, with the number of their documents and the time of the newest."""
    view = viewed(request, dataset, asked.tenant, who)
    contract = view.dataset.contract
    names = [n for n in contract.key if n != contract.time and n in view.fields]
    measures = (Measure("documents_count", "count"), Measure("newest", "max", contract.time))
    found = known.reader.groups(view, condition(request, asked, view), [Grouping(n, n) for n in names], measures)
    return json({"count": len(found), "results": found})


@router.get("/{dataset}/latest", summary="The latest state of each entity")
def latest(request: Request, dataset: str, who: Asking, known: Known, asked: Annotated[Newest, Query()]) -> Response:
    """The newest document of each entity."""
    view = viewed(request, dataset, asked.tenant, who)
    is_kept_apart = view.dataset.contract.has_latest
    if is_kept_apart and not view.dataset.is_latest:
        view = viewed(request, f"{dataset}_latest", asked.tenant, who)
    shown, wanted = columns(view, asked.select), condition(request, asked, view)
    if is_kept_apart:
        order = [Order(name) for name in view.dataset.contract.key if name in view.fields]
        total, documents = known.reader.some(view, wanted, fields_of(shown), order, 0, asked.limit)
    else:
        found = known.reader.newest(view, wanted, fields_of(shown), asked.limit + 1)
        total, documents = len(found), found[: asked.limit]
    body = {"count": len(documents), "is_complete": total <= asked.limit}
    return json({**body, "results": renamed(documents, shown)})


@router.get("/{dataset}/history", summary="Documents by time")
def history(request: Request, dataset: str, who: Asking, known: Known, asked: Annotated[Paged, Query()]) -> Response:
    """Documents, the newest first unless told otherwise; every page is of the moment of the first."""
    view = viewed(request, dataset, asked.tenant, who)
    shown, order = columns(view, asked.select), order_of(view, asked.order_by)
    question = question_of(request, view, who.name)
    at = known.cursors.read(asked.cursor, question) if asked.cursor is not None else None
    page = known.reader.page(view, condition(request, asked, view), fields_of(shown), order, asked.limit, at)
    cursor = known.cursors.text(page.next, question) if page.next else None
    body = {"count": len(page.documents), "results": renamed(page.documents, shown), "cursor": cursor}
    return json(body, Link=f'<{request.url.path}?{next_query(request, cursor)}>; rel="next"') if cursor else json(body)


@router.get("/{dataset}/aggregate", summary="Figures by time, by area and by any field")
def aggregate(
    request: Request, dataset: str, who: Asking, known: Known, asked: Annotated[Aggregated, Query()]
) -> Response:
    """Figures of groups of documents: by fields, by steps of time or numbers, by cells of H3."""
    view = viewed(request, dataset, asked.tenant, who)
    measures = selected_measures(view, asked.select)
    wanted = condition(request, asked, view)
    if asked.h3 is not None:
        rows, names = _cells(known, view, wanted, measures, asked), ["h3"]
        names += [view.dataset.contract.time] if asked.step is not None else []
    else:
        groups = [*grouping_of(asked.group_by, asked.timezone), *_steps(view, asked)]
        rows = known.reader.groups(view, wanted, groups, measures)
        names = [g.name for g in groups]
    by = orders(asked.order_by) if asked.order_by is not None else ()
    found = ordered(rows, by, [*names, *(m.name for m in measures)])
    return json({"count": len(found), "results": found[: asked.limit]})


@router.get("/{dataset}/export/{format_name}", summary="Documents to take away", responses=TAKEN)
def export(
    request: Request,
    dataset: str,
    format_name: FormatName,
    who: Asking,
    known: Known,
    asked: Annotated[Taken, Query()],
) -> Response:
    """All documents that the filters leave, as a file."""
    view = viewed(request, dataset, asked.tenant, who)
    shown = columns(view, asked.select)
    pages = known.reader.scan(
        view, condition(request, asked, view), fields_of(shown), order_of(view, asked.order_by), asked.limit
    )
    return exported(view, shown, pages, FORMATS[format_name], view.dataset.name)


def require_known(request: Request, names: set[str]) -> None:
    """Refuse parameters that mean nothing here.

    Raises:
        ProblemError: there is one.
    """
    for name in request.query_params:
        if name not in names:
            raise problems.bad_parameter(
                problems.cut(name), f"there is no such parameter; there are {', '.join(sorted(names))}"
            )


def order_of(view: View, text: str | None) -> Sequence[Order]:
    """The order that is asked for; without one, the newest first."""
    return orders(text) if text is not None else [Order(view.dataset.contract.time, is_descending=True)]


def selected_measures(view: View, text: str | None) -> tuple[Measure, ...]:
    """The figures that are asked for; without any, the number of documents.

    Raises:
        ProblemError: something else than a figure is asked for.
    """
    if text is None:
        return COUNT
    found = selection(text, list(view.fields))
    if found.columns:
        raise problems.bad_query(f"select: {found.columns[0].field} is no figure; groups are named in group_by")
    for measure in found.measures:
        aggregation(measure, view.field)
    return found.measures


def grouping_of(text: str | None, zone: str) -> Sequence[Grouping]:
    """The groups that are asked for.

    Raises:
        ProblemError: they are no groups, or the zone is none.
    """
    if zone not in available_timezones():
        raise problems.bad_parameter("timezone", f"{problems.cut(zone)!r} is not a zone such as Europe/Paris")
    return groupings(text, ZoneInfo(zone).key) if text is not None else ()


def _steps(view: View, asked: Aggregated) -> Sequence[Grouping]:
    if asked.step is None:
        return ()
    time = view.dataset.contract.time
    return [Grouping(time, time, _step(asked.step), asked.timezone)]


def _step(text: str) -> Step:
    count, _, unit = text.strip().rpartition(" ") if " " in text.strip() else ("1", "", text.strip())
    if not count.strip().isdecimal() or len(count) > 6:
        raise problems.bad_parameter("step", f"{problems.cut(text)!r} is not a step such as `15 minutes`")
    return step_of(int(count), unit)


def _cells(
    known: Services, view: View, wanted: Condition, measures: Sequence[Measure], asked: Aggregated
) -> list[Document]:
    if asked.group_by is not None or asked.h3 is None:
        raise problems.bad_parameter("h3", "goes with step, and not with group_by")
    if (total := known.reader.total(view, wanted)) > MAX_DOCUMENTS:
        detail = f"{total:,} documents, and at most {MAX_DOCUMENTS:,} are grouped by cell; ask for less time"
        raise problems.bad_query(detail)
    place, time = place_of(view), (view.dataset.contract.time, _step(asked.step)) if asked.step else None
    fields = dict.fromkeys([place, *([time[0]] if time else []), *(m.field for m in measures if m.field)])
    return by_cell(known.reader.scan(view, wanted, list(fields), []), place, asked.h3, measures, time)
