"""Server-sent events: latest states as they change, of one dataset or of several."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from serving import problems
from serving.access.caller import Caller
from serving.access.view import View
from serving.doors.asking import Asking, Known, is_still_valid, viewed
from serving.doors.datasets import PREFIX, require_known
from serving.doors.parameters import Filters, condition
from serving.live import Batch, Listener
from serving.queries.conditions import Everything
from serving.services import Services

TOGETHER = "/api/v1/live"
KEY_SECONDS = 10.0  # how soon a key that was revoked hears no more
MAX_TOGETHER = 20

router = APIRouter()


def _latest_view(request: Request, dataset: str, tenant: list[str], who: Caller) -> View:
    found = viewed(request, dataset, tenant, who)
    if not found.dataset.contract.has_latest:
        raise problems.bad_query(f"{dataset} keeps no latest states that could be listened to; ask for its latest")
    return found if found.dataset.is_latest else viewed(request, f"{dataset}_latest", tenant, who)


def _view(request: Request, dataset: str, who: Asking, asked: Annotated[Filters, Query()]) -> View:
    return _latest_view(request, dataset, asked.tenant, who)


def _views(
    request: Request,
    who: Asking,
    dataset: Annotated[list[str], Query(min_length=1, max_length=MAX_TOGETHER, description="Datasets, repeated.")],
    tenant: Annotated[list[str], Query()] = [],  # noqa: B006
) -> list[View]:
    require_known(request, {"dataset", "tenant"})
    return [_latest_view(request, name, tenant, who) for name in dict.fromkeys(dataset)]


async def _listener(
    request: Request,
    who: Asking,
    known: Known,
    view: Annotated[View, Depends(_view)],
    asked: Annotated[Filters, Query()],
) -> AsyncIterator[Listener]:
    wanted = condition(request, asked, view)
    view.query(wanted)  # what is wrong with it is said before the stream begins
    async with known.live.listening([view], wanted, who.counted_as) as listener:
        yield listener


async def _listener_to_several(
    who: Asking, known: Known, views: Annotated[list[View], Depends(_views)]
) -> AsyncIterator[Listener]:
    async with known.live.listening(views, Everything(), who.counted_as) as listener:
        yield listener


@router.get(f"{PREFIX}/{{dataset}}/live", summary="Latest states as they change", response_class=EventSourceResponse)
async def live(
    request: Request, dataset: str, who: Asking, known: Known, listener: Annotated[Listener, Depends(_listener)]
) -> AsyncIterator[ServerSentEvent]:
    """An event `state` for each latest state that changes from now on; ask for the latest states first.

    A client that is too slow gets an event `behind`, and the end: it asks for the latest states again.
    """
    yield _event("listening", {"dataset": dataset})
    async for batch in _batches(request, known, who, listener):
        for document in batch.documents:
            yield ServerSentEvent(event="state", data=document)
    if listener.is_behind:
        yield _event("behind", {})


@router.get(TOGETHER, summary="Latest states of several datasets as they change", response_class=EventSourceResponse)
async def live_together(
    request: Request, who: Asking, known: Known, listener: Annotated[Listener, Depends(_listener_to_several)]
) -> AsyncIterator[ServerSentEvent]:
    """As `/live` of each dataset, over one connection; the data of an event `state` have `dataset` and `state`."""
    yield _event("listening", {"datasets": request.query_params.getlist("dataset")})
    async for batch in _batches(request, known, who, listener):
        name = batch.dataset.removesuffix("_latest")
        for document in batch.documents:
            yield ServerSentEvent(event="state", data={"dataset": name, "state": document})
    if listener.is_behind:
        yield _event("behind", {})


async def _batches(request: Request, known: Services, who: Caller, listener: Listener) -> AsyncIterator[Batch]:
    """What a listener hears, until it is too slow or its key opens nothing any more."""
    checked_at = time.monotonic()
    while not listener.is_behind:
        if (batch := await _next(listener)) is not None:
            yield batch
        if time.monotonic() > checked_at + KEY_SECONDS:
            if not await to_thread.run_sync(is_still_valid, request, known, who):
                return
            checked_at = time.monotonic()


async def _next(listener: Listener) -> Batch | None:
    try:
        return await asyncio.wait_for(listener.waiting.get(), KEY_SECONDS)
    except TimeoutError:
        return None


def _event(name: str, data: dict[str, Any]) -> ServerSentEvent:
    return ServerSentEvent(event=name, data={**data, "at": datetime.now(UTC).isoformat()})
