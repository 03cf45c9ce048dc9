"""The city's HTTP server: polled sources in lock step, what describes them, and the city's status."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.clock import CityClock, Phase
from simulator.faults import Faults
from simulator.local_time import DAY
from simulator.offer import Offer
from simulator.payloads import opendatasoft
from simulator.serving.lockstep import LockStep, Position
from simulator.serving.tally import Tally
from simulator.serving.waiting import has_come
from simulator.source import Counts, Snapshots
from simulator.sources.bikes import BikeOperator

JSON = "application/json; charset=utf-8"
#: A client that comes a little early is kept waiting, so that it need not ask again: this long in history and live.
_HOLD_SECONDS = {Phase.HISTORY: 20.0, Phase.LIVE: 1.5}
_STATIC_AGE = 3600
_MAX_LIMIT = 100

Page = Callable[[bytes, Mapping[str, str]], bytes]


class Endpoint:
    """One polled source."""

    def __init__(
        self, source: Snapshots, clock: CityClock, faults: Faults, tally: Tally, page: Page = lambda body, _: body
    ) -> None:
        self.source = source
        self.last_seen: float | None = None
        first = -(-int(clock.start) // source.period) * source.period
        self.steps = LockStep(first, source.period, lambda step: faults.repeats(source.name, step, source.period))
        self._clock = clock
        self._faults = faults
        self._page = page
        self._entry = tally.entry(source.name, source.event, lambda: self.steps.until)

    @property
    def reached(self) -> float:
        """City time before which clients have shown to have everything."""
        return self.steps.until

    async def answer(self, request: Request) -> Response:
        """The step that the client has not had yet, when it is due."""
        etag = request.headers.get("if-none-match")
        position = self.steps.next(etag)
        self.last_seen = time.monotonic()
        is_due = await has_come(self._clock, self.steps.due(position), _HOLD_SECONDS[self._clock.phase])
        self.last_seen = time.monotonic()
        if not is_due:
            return Response(status_code=304, headers=_headers(etag or "", self._max_age(position)))
        body = self._page(self._body(position), request.query_params)
        headers = _headers(position.etag, self._max_age(self.steps.after(position)))
        return Response(body, headers=headers, media_type=self.source.content_type)

    def _body(self, position: Position) -> bytes:
        answer = self.source.answer(position.step, self._faults)
        if self.steps.served is None or position > self.steps.served:
            self._entry.add(Counts(frozen=1) if position.repeat else answer.counts)
        self.steps.serve(position)
        return answer.body

    def _max_age(self, position: Position) -> int:
        # Rounded down, so that the client is here when the step comes.
        return int(self._clock.real_seconds_until(self.steps.due(position)))


def endpoints(offer: Offer, clock: CityClock, faults: Faults, tally: Tally) -> dict[str, Endpoint]:
    """The polled sources by path."""
    portal = f"{_DATASETS}/{opendatasoft.READINGS_DATASET}/records"
    sources: dict[str, Snapshots] = {
        "/datex2/record/status.xml": offer.record_parking,
        "/datex2/table/status.xml": offer.table_parking,
        "/gtfs-rt/vehicle-positions.pb": offer.buses,
        **{f"/gbfs/{version}/station_status.json": bikes for version, bikes in offer.bikes.items()},
    }
    found = {path: Endpoint(source, clock, faults, tally) for path, source in sources.items()}
    return {**found, portal: Endpoint(offer.portal, clock, faults, tally, _page)}


def application(offer: Offer, clock: CityClock, polled: Mapping[str, Endpoint], tally: Tally) -> Starlette:
    """The whole server."""

    async def status(_: Request) -> Response:
        return Response(orjson.dumps(tally.status(), option=orjson.OPT_INDENT_2), media_type=JSON)

    described = _described(offer, clock)

    async def index(_: Request) -> Response:
        return Response(orjson.dumps(sorted(["/status", *polled, *described])), media_type=JSON)

    return Starlette(
        routes=[
            Route("/", index),
            Route("/status", status),
            *(Route(path, endpoint.answer) for path, endpoint in polled.items()),
            *(Route(path, handler) for path, handler in described.items()),
        ]
    )


_DATASETS = "/api/explore/v2.1/catalog/datasets"


def _described(offer: Offer, clock: CityClock) -> dict[str, Callable[[Request], Awaitable[Response]]]:
    """What describes the sources: tables of places and the timetable, by path."""
    parts: dict[str, tuple[Callable[[int], bytes], str]] = {
        "/datex2/record/sites.xml": (offer.record_parking.sites, offer.record_parking.content_type),
        "/datex2/table/facilities.xml": (offer.table_parking.sites, offer.table_parking.content_type),
        "/gtfs/static.zip": (offer.buses.timetable, "application/zip"),
        f"{_DATASETS}/{opendatasoft.PLACES_DATASET}/records": (lambda _: offer.portal.places(), JSON),
    }
    for version, bikes in offer.bikes.items():
        parts[f"/gbfs/{version}/station_information.json"] = bikes.stations, JSON
    found = {path: _static(content, kind, clock) for path, (content, kind) in parts.items()}
    return {**found, **{f"/gbfs/{v}/gbfs.json": _discovery(b, clock) for v, b in offer.bikes.items()}}


def _static(content: Callable[[int], bytes], kind: str, clock: CityClock) -> Callable[[Request], Awaitable[Response]]:
    of_day = lru_cache(maxsize=2)(lambda day: content(day * DAY))

    async def handler(request: Request) -> Response:
        body = await asyncio.to_thread(of_day, int(clock.now()) // DAY)
        if kind == JSON and "records" in request.url.path:
            body = _page(body, request.query_params)
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=_headers(etag, _STATIC_AGE))
        return Response(body, headers=_headers(etag, _STATIC_AGE), media_type=kind)

    return handler


def _discovery(bikes: BikeOperator, clock: CityClock) -> Callable[[Request], Awaitable[Response]]:
    async def handler(request: Request) -> Response:
        base = str(request.url).rsplit("/", 1)[0]
        addresses = {name: f"{base}/{name}.json" for name in ("station_information", "station_status")}
        return Response(bikes.discovery(addresses, int(clock.now())), media_type=JSON)

    return handler


def _page(body: bytes, query: Mapping[str, str]) -> bytes:
    """The records that the query asks for, ten when it does not say."""
    try:
        limit, offset = int(query.get("limit", 10)), int(query.get("offset", 0))
    except ValueError:
        limit = offset = -1
    if not 0 <= limit <= _MAX_LIMIT or offset < 0:
        raise HTTPException(400, f"limit must be 0 to {_MAX_LIMIT}, offset 0 or more")
    return opendatasoft.records(orjson.loads(body)["results"], limit, offset)


def _headers(etag: str, max_age: int) -> dict[str, str]:
    return {"ETag": etag, "Cache-Control": f"max-age={max_age}"}
