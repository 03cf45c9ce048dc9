"""The path of the feed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from serving.doors.asking import Asking, Known, viewed
from serving.doors.datasets import require_known
from serving.doors.gtfs_realtime.feed import feed
from serving.queries.bodies import Order
from serving.queries.conditions import Compare
from serving.queries.identity import entity_key

PREFIX = "/gtfs-realtime"
DATASET = "vehicle_position_latest"
MEDIA_TYPE = "application/x-protobuf"
MAX_VEHICLES = 100_000
MAX_AGE_SECONDS = 100 * 365 * 86_400
router = APIRouter(prefix=PREFIX, tags=["GTFS-Realtime"])
ANSWER: dict[int | str, dict[str, object]] = {
    200: {"description": "The feed.", "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}
}


class Vehicles(BaseModel):
    """Whose vehicles, and how lately they must have been heard of."""

    tenant: Annotated[list[str], Field(description="Tenants, repeated; `*` for all. Without it, the key's own.")] = []
    max_age_seconds: Annotated[
        int, Field(ge=1, le=MAX_AGE_SECONDS, description="Vehicles that were not heard of for longer are left out.")
    ] = 600


@router.get("/vehicle-positions.pb", summary="Positions of vehicles", responses=ANSWER, response_class=Response)
def vehicle_positions(request: Request, who: Asking, known: Known, asked: Annotated[Vehicles, Query()]) -> Response:
    """The latest position of each vehicle, as a GTFS-Realtime 2.0 feed."""
    require_known(request, set(Vehicles.model_fields))
    view, now = viewed(request, DATASET, asked.tenant, who), datetime.now(UTC)
    fresh = Compare(view.dataset.contract.time, ">=", now - timedelta(seconds=asked.max_age_seconds))
    order = [Order(name) for name in entity_key(view)]
    pages = known.reader.scan(view, fresh, list(view.fields), order, MAX_VEHICLES)
    return Response(feed((v for page in pages for v in page), now), media_type=MEDIA_TYPE)
