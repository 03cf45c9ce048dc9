"""The base map that the platform draws from its own data."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from serving.access.view import views
from serving.basemap import basemap
from serving.doors.answers import json
from serving.doors.asking import Asking, Known, tenants
from serving.doors.datasets import require_known

router = APIRouter(prefix="/api/v1")


@router.get("/basemap", tags=["map"], summary="A base map from the platform's own data")
def base(request: Request, who: Asking, known: Known, tenant: Annotated[list[str], Query()] = []) -> Response:  # noqa: B006
    """Cells with a figure, the area they cover, and the lines that vehicles serve, as GeoJSON."""
    require_known(request, {"tenant"})
    seen = views(known.contracts.values(), who, tenants(tenant)).values()
    scope = next((v.scope for v in seen), "")
    return json(known.basemaps.get(scope, lambda: basemap(known.reader, seen)))
