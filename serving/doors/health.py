"""Whether the API can answer."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from serving.doors.answers import json
from serving.doors.asking import services

router = APIRouter()


@router.get("/health", tags=["health"], summary="Whether the API can answer")
def health(request: Request) -> Response:
    """200 when Elasticsearch answers, 503 when it does not."""
    services(request).reader.answers()
    return json({"status": "ok"})
