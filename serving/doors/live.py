"""Server-sent events: latest states as they change."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from serving import problems
from serving.access.view import View
from serving.doors.asking import Asking, Known, is_still_valid, viewed
from serving.doors.datasets import PREFIX
from serving.doors.parameters import Filters, condition
from serving.live import Listener

router = APIRouter(prefix=PREFIX)
KEY_SECONDS = 10.0  # how soon a key that was revoked hears no more


def _view(request: Request, dataset: str, who: Asking, asked: Annotated[Filters, Query()]) -> View:
    found = viewed(request, dataset, asked.tenant, who)
    if not found.dataset.contract.has_latest:
        raise problems.bad_query(f"{dataset} keeps no latest states that could be listened to; ask for its latest")
    return found if found.dataset.is_latest else viewed(request, f"{dataset}_latest", asked.tenant, who)


async def _listener(
    request: Request,
    who: Asking,
    known: Known,
    view: Annotated[View, Depends(_view)],
    asked: Annotated[Filters, Query()],
) -> AsyncIterator[Listener]:
    wanted = condition(request, asked, view)
    view.query(wanted)  # what is wrong with it is said before the stream begins
    async with known.live.listening(view, wanted, who.counted_as) as listener:
        yield listener


@router.get("/{dataset}/live", summary="Latest states as they change", response_class=EventSourceResponse)
async def live(
    request: Request, dataset: str, who: Asking, known: Known, listener: Annotated[Listener, Depends(_listener)]
) -> AsyncIterator[ServerSentEvent]:
    """An event `state` for each latest state that changes from now on; ask for the latest states first.

    A client that is too slow gets an event `behind`, and the end: it asks for the latest states again.
    """
    yield ServerSentEvent(event="listening", data={"dataset": dataset, "at": datetime.now(UTC).isoformat()})
    checked_at = time.monotonic()
    while not listener.is_behind:
        try:
            documents = await asyncio.wait_for(listener.waiting.get(), KEY_SECONDS)
        except TimeoutError:
            documents = []
        for document in documents:
            yield ServerSentEvent(event="state", data=document)
        if time.monotonic() > checked_at + KEY_SECONDS:
            if not await to_thread.run_sync(is_still_valid, request, known, who):
                return
            checked_at = time.monotonic()
    yield ServerSentEvent(event="behind", data={"at": datetime.now(UTC).isoformat()})
