"""The application: doors, limits, errors, documentation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from serving.access.view import views
from serving.accesses import Accesses
from serving.dashboard.pages import add_dashboard
from serving.documentation import add_documentation
from serving.doors import base, communes, datasets, explore, health, live, pipeline
from serving.doors.answers import json
from serving.doors.asking import Asking, Known
from serving.doors.gbfs import paths as gbfs
from serving.doors.gtfs_realtime import paths as gtfs_realtime
from serving.doors.ngsi import paths as ngsi
from serving.doors.ogc import paths as ogc
from serving.errors import handle_errors
from serving.headers import Headers
from serving.heads import Heads
from serving.limits import ANSWER_SECONDS, Limits
from serving.openapi import document
from serving.services import Services

TITLE = "Garonne"
VERSION = "1"
OPENAPI = "/openapi.json"
DESCRIPTION = "What a city's sensors say and what is computed from it. Derived from the contracts in `schemas/`."


def application(services: Services, answer_seconds: float = ANSWER_SECONDS, tiles: str | None = None) -> FastAPI:
    """The API and the dashboards on these services; ``tiles`` is the address of a base map, if there is one.

    Raises:
        ValueError: the address of the tiles cannot be one.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        services.audit.begin()
        try:
            yield
        finally:
            services.audit.end()

    app = FastAPI(
        title=TITLE,
        version=VERSION,
        description=DESCRIPTION,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for standard in (ogc, ngsi, gtfs_realtime, gbfs):
        app.include_router(standard.router)
    app.state.services = services
    for door in (health, datasets, communes, live, explore, base, pipeline):
        app.include_router(door.router)
    _describe(app)
    add_documentation(app, OPENAPI)
    add_dashboard(app, tiles)
    handle_errors(app)
    app.add_middleware(Limits, answer_seconds=answer_seconds)
    app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "HEAD"], allow_headers=["*"])
    app.add_middleware(Headers)
    app.add_middleware(Heads)
    app.add_middleware(Accesses, audit=services.audit)
    return app


def _describe(app: FastAPI) -> None:
    @app.get(OPENAPI, include_in_schema=False)
    def openapi(_: Request, who: Asking, known: Known) -> Response:
        """The OpenAPI document, of what the caller may see."""
        return json(document(app, views(known.contracts.values(), who, frozenset())))
