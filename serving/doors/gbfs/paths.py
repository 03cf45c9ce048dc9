"""The paths: the systems there are, and the files of each."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from fastapi import APIRouter, Request
from starlette.responses import Response

from runtime.settings import settings
from serving import problems
from serving.access.caller import EVERY_TENANT
from serving.access.view import View
from serving.doors.answers import json
from serving.doors.asking import Asking, Known, viewed
from serving.doors.datasets import require_known
from serving.doors.gbfs import files
from serving.problems import ProblemError
from serving.queries.bodies import Order
from serving.queries.conditions import Everything
from serving.queries.identity import entity_key
from serving.queries.measures import Grouping
from serving.services import Services

PREFIX = "/gbfs"
DATASET = "bike_station_observed_latest"
MAX_STATIONS = 100_000
FileName = Literal["gbfs", "system_information", "station_information", "station_status"]
router = APIRouter(prefix=PREFIX, tags=["GBFS"])


@router.get("/manifest.json", summary="Bike sharing systems")
def manifest(request: Request, who: Asking, known: Known) -> Response:
    """The systems whose stations the caller may see."""
    require_known(request, set())
    found = _systems(known, viewed(request, DATASET, [], who))
    addresses = {name: _address(request, name, "gbfs") for name in found}
    return json(files.file(files.manifest(addresses), datetime.now(UTC)))


@router.get("/{system}/3.0/{name}.json", summary="A file of a system")
def file(request: Request, system: str, name: FileName, who: Asking, known: Known) -> Response:
    """A file of a bike sharing system, as GBFS 3.0 has it."""
    require_known(request, set())
    if system == EVERY_TENANT:
        raise _unknown(system)
    view = viewed(request, DATASET, [system], who)
    stations = _stations(known, view)
    if not stations:
        raise _unknown(system)
    return json(files.file(_content(request, system, name, stations), datetime.now(UTC)))


def _content(request: Request, system: str, name: FileName, stations: list[files.Station]) -> files.Content:
    if name == "gbfs":
        return files.discovery({f: _address(request, system, f) for f in files.FILES})
    if name == "system_information":
        return files.system_information(system, settings().contact_email, settings().timezone)
    if name == "station_information":
        return files.station_information(stations)
    return files.station_status(stations)


def _systems(known: Services, view: View) -> list[str]:
    return [str(row["tenant"]) for row in known.reader.groups(view, Everything(), [Grouping("tenant", "tenant")], ())]


def _stations(known: Services, view: View) -> list[files.Station]:
    order = [Order(name) for name in entity_key(view)]
    pages = known.reader.scan(view, Everything(), list(view.fields), order, MAX_STATIONS)
    return files.published(station for page in pages for station in page)


def _address(request: Request, system: str, name: str) -> str:
    return f"{str(request.base_url).rstrip('/')}{PREFIX}/{system}/{files.VERSION}/{name}.json"


def _unknown(system: str) -> ProblemError:
    detail = f"there is no system {problems.cut(system)!r}; {PREFIX}/manifest.json lists them"
    return ProblemError(404, "unknown-system", detail)
