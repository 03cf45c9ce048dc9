"""The paths: landing page, conformance, the API's document, collections and features."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, cast
from urllib.parse import unquote

from fastapi import APIRouter, FastAPI, Query, Request
from starlette.responses import Response

from serving import problems
from serving.access.view import View, views
from serving.doors.asking import Asking, Known, tenants, viewed
from serving.doors.datasets import order_of
from serving.doors.ogc import schemas
from serving.doors.ogc.addresses import (
    COLLECTIONS,
    GEOJSON,
    HTML,
    JSON,
    OPENAPI,
    PREFIX,
    SCHEMA,
    address,
    itself,
    link,
    of_item,
)
from serving.doors.ogc.answering import answer, is_html
from serving.doors.ogc.collections import described, is_collection, queryables, title_of
from serving.doors.ogc.conformance import CLASSES
from serving.doors.ogc.openapi30 import downgraded
from serving.doors.ogc.parameters import Items, Page, condition, require_page
from serving.doors.paging import next_query, question_of
from serving.doors.parameters import MAX_LIMIT, place_of
from serving.exports.geojson import feature
from serving.openapi import document
from serving.problems import ProblemError
from serving.queries import identity
from serving.services import Services

SEPARATOR = "|"
SAME_KEY = 10  # documents of one millisecond, which is as exactly as Elasticsearch compares times
router = APIRouter(prefix=PREFIX, tags=["OGC API Features"])
Asked = Annotated[Page, Query()]


@router.get("/", include_in_schema=False)
@router.get("", summary="Landing page", responses=schemas.OF_LANDING)
def landing(request: Request, _: Asking, asked: Asked) -> Response:
    """What there is here."""
    require_page(request)
    app, as_html = cast(FastAPI, request.app), is_html(request, asked)
    links = [
        *itself(request, JSON, as_html),
        link(address(request, f"{PREFIX}/api"), "service-desc", OPENAPI, "The API's document (OpenAPI 3.0)"),
        link(address(request, "/docs"), "service-doc", HTML, "The API's documentation"),
        link(address(request, f"{PREFIX}/conformance"), "conformance", JSON, "Conformance classes"),
        link(address(request, COLLECTIONS, asked.tenant), "data", JSON, "Collections of features"),
    ]
    return answer(app.title, {"title": app.title, "description": app.description, "links": links}, as_html)


@router.get("/api", include_in_schema=False)
def api(request: Request, who: Asking, known: Known) -> Response:
    """The OpenAPI 3.0 document of these paths, of what the caller may see."""
    told = document(cast(FastAPI, request.app), views(known.contracts.values(), who, frozenset()))
    return answer("", downgraded(told, PREFIX, address(request, PREFIX)), as_html=False, media_type=OPENAPI)


@router.get("/conformance", summary="Conformance classes", responses=schemas.OF_CONFORMANCE)
def conformance(request: Request, _: Asking, asked: Asked) -> Response:
    """The conformance classes that these paths meet."""
    require_page(request)
    return answer("Conformance", {"conformsTo": CLASSES}, is_html(request, asked))


@router.get("/collections", summary="Collections", responses=schemas.OF_COLLECTIONS)
def collections(request: Request, who: Asking, known: Known, asked: Asked) -> Response:
    """The datasets whose documents have a place."""
    require_page(request)
    every = views(known.contracts.values(), who, tenants(asked.tenant)).values()
    as_html = is_html(request, asked)
    found = [_described(request, known, v, asked) for v in every if is_collection(v)]
    return answer("Collections", {"links": itself(request, JSON, as_html), "collections": found}, as_html)


@router.get("/collections/{dataset}", summary="One collection", responses=schemas.OF_COLLECTION)
def collection(request: Request, dataset: str, who: Asking, known: Known, asked: Asked) -> Response:
    """A collection: where and when its features are."""
    require_page(request)
    view = _view(request, dataset, who, asked)
    return answer(title_of(view), _described(request, known, view, asked), is_html(request, asked))


@router.get("/collections/{dataset}/queryables", summary="What to choose by", responses=schemas.OF_QUERYABLES)
def queryable(request: Request, dataset: str, who: Asking, asked: Asked) -> Response:
    """The fields that features can be chosen by."""
    require_page(request)
    view = _view(request, dataset, who, asked)
    return answer(title_of(view), queryables(request, view), is_html(request, asked), SCHEMA)


@router.get("/collections/{dataset}/items", summary="Features", responses=schemas.OF_ITEMS)
def items(request: Request, dataset: str, who: Asking, known: Known, asked: Annotated[Items, Query()]) -> Response:
    """Features, the newest first; every page is of the moment of the first."""
    view = _view(request, dataset, who, asked)
    wanted, question = condition(request, asked, view), question_of(request, view, who.name)
    at = known.cursors.read(asked.cursor, question) if asked.cursor is not None else None
    limit = min(asked.limit, MAX_LIMIT)
    page = known.reader.page(view, wanted, list(view.fields), order_of(view, None), limit, at, is_counted=True)
    as_html = is_html(request, asked)
    links = itself(request, GEOJSON, as_html)
    if page.next is not None:
        query = next_query(request, known.cursors.text(page.next, question))
        links.append(link(f"{address(request, request.url.path)}?{query}", "next", links[0]["type"], "Next page"))
    body = {
        "type": "FeatureCollection",
        "features": [_feature(view, d) for d in page.documents],
        "links": links,
        "timeStamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "numberMatched": page.total,
        "numberReturned": len(page.documents),
    }
    return answer(title_of(view), body, as_html, GEOJSON)


@router.get("/collections/{dataset}/items/{item:path}", summary="One feature", responses=schemas.OF_ITEM)
def item(request: Request, dataset: str, item: str, who: Asking, known: Known, asked: Asked) -> Response:
    """A feature, by its id."""
    require_page(request)
    view, as_html = _view(request, dataset, who, asked), is_html(request, asked)
    document = _found(known, view, item)
    up = link(address(request, f"{COLLECTIONS}/{dataset}", asked.tenant), "collection", JSON, "The collection")
    here = link(address(request, of_item(dataset, item), asked.tenant), "canonical", GEOJSON, "The feature")
    links = [*itself(request, GEOJSON, as_html), up, here]
    return answer(item, {**_feature(view, document), "links": links}, as_html, GEOJSON)


def _view(request: Request, dataset: str, who: Asking, asked: Page) -> View:
    view = viewed(request, dataset, asked.tenant, who)
    if not is_collection(view):
        raise ProblemError(404, "no-collection", f"{dataset} has no places; /api/v1/datasets/{dataset} has its data")
    return view


def _described(request: Request, known: Services, view: View, asked: Page) -> dict[str, Any]:
    return described(request, view, known.reader.extent(view, place_of(view)), asked.tenant)


def _feature(view: View, document: dict[str, Any]) -> dict[str, Any]:
    name = identity.named(view, identity.document_key(view), document, SEPARATOR)
    return {"id": name, **feature(document, place_of(view))}


def _found(known: Services, view: View, name: str) -> dict[str, Any]:
    key = identity.document_key(view)
    wanted = identity.condition(view, key, name, SEPARATOR)
    if wanted is not None:
        _, documents = known.reader.some(view, wanted, list(view.fields), [], 0, SAME_KEY)
        for document in documents:
            if unquote(identity.named(view, key, document, SEPARATOR)) == unquote(name):
                return document
    detail = f"{view.dataset.name} has no feature {problems.cut(name)!r}"
    raise ProblemError(404, "unknown-feature", detail)
