"""Every error as a problem document: the API's own, those of the web framework and of Elasticsearch."""

from __future__ import annotations

from http import HTTPStatus
from typing import cast

import orjson
import structlog
from elasticsearch import ApiError, BadRequestError, NotFoundError, TransportError
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from serving import problems
from serving.dialects import told
from serving.problems import ProblemError

log = structlog.get_logger()

RETRY_SECONDS = 5
CONTEXT_MISSING = "search_context_missing_exception"


def handle_errors(app: FastAPI) -> None:
    """Make every error of the application a problem document."""
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(HTTPException, _framework)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(ApiError, _elasticsearch)
    app.add_exception_handler(TransportError, _elasticsearch)
    app.add_exception_handler(Exception, _unexpected)


def response(problem: ProblemError, path: str) -> Response:
    """A problem as the answer to a request."""
    document = told(problem, path)
    return Response(orjson.dumps(document), document["status"], problem.headers, problems.MEDIA_TYPE)


def of_elasticsearch(error: ApiError | TransportError) -> ProblemError:
    """What the caller is told of an error of Elasticsearch: nothing of its text, which may hold others' values."""
    if isinstance(error, NotFoundError) and CONTEXT_MISSING in str(error):
        return ProblemError(410, "cursor-expired", "the pages of this cursor are gone; ask again without it")
    if isinstance(error, BadRequestError):
        log.warning("api.query_refused", error=str(error)[:500])
        return problems.bad_query("the question is too large or has a value that cannot be compared; make it simpler")
    log.warning("api.elasticsearch", error=type(error).__name__, reason=str(error)[:500])
    return problems.unavailable(RETRY_SECONDS)


async def _problem(request: Request, error: Exception) -> Response:
    return response(cast(ProblemError, error), request.url.path)


async def _framework(request: Request, error: Exception) -> Response:
    e = cast(HTTPException, error)
    name = HTTPStatus(e.status_code).phrase.lower().replace(" ", "-")
    detail = {
        404: "there is nothing at this address; /docs lists what there is",
        405: f"this address cannot be asked with {request.method}",
    }.get(e.status_code, str(e.detail))
    return response(ProblemError(e.status_code, name, detail, e.headers), request.url.path)


async def _validation(request: Request, error: Exception) -> Response:
    found = [
        {"parameter": ".".join(map(str, e["loc"][1:])), "detail": str(e["msg"])}
        for e in cast(RequestValidationError, error).errors()
    ]
    detail = "; ".join(f"{e['parameter']}: {e['detail']}" for e in found)
    return response(ProblemError(422, "bad-parameter", detail, errors=found), request.url.path)


async def _elasticsearch(request: Request, error: Exception) -> Response:
    return response(of_elasticsearch(cast(ApiError | TransportError, error)), request.url.path)


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("api.failure", path=request.url.path, exc_info=error)
    detail = "the server made a mistake, and it is logged; the same request will not do better"
    return response(ProblemError(500, "failure", detail), request.url.path)
