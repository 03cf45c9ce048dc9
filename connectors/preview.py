"""A look at a feed: what would be accepted and what rejected, with nothing sent and nothing remembered."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import islice

from connectors.acceptance import Acceptance, Event
from connectors.cursor import Cursor
from connectors.delivery import Broker
from connectors.feed import Feed
from connectors.model import Payload, Reference, Rejected
from connectors.sources import broker_of, context_of, format_of, read_reference, transport_of
from runtime.endpoints import NoEndpointsError, endpoints
from runtime.settings import Settings
from schemas import contract

LISTEN_SECONDS = 30.0
MAX_RECORDS = 20_000  # of one payload


@dataclass(slots=True)
class Preview:
    """What a feed says now."""

    events: list[Event] = field(default_factory=list)  # the first accepted ones
    rejected: list[Rejected] = field(default_factory=list)  # the first rejected ones
    accepted_count: int = 0
    rejected_count: int = 0
    bytes_read: int = 0
    places: list[str] = field(default_factory=list)  # addresses, topics or files that were read
    reference_count: int = 0  # entities the feed's reference knows


def preview(feed: Feed, settings: Settings, count: int = 5, seconds: float = LISTEN_SECONDS) -> Preview:
    """The first `count` events and the first `count` rejected records, read within `seconds`.

    Raises:
        Exception: the address does not answer, or the reference cannot be read.
    """
    return asyncio.run(_preview(feed, settings, count, seconds))


async def _preview(feed: Feed, settings: Settings, count: int, seconds: float) -> Preview:
    errors: list[Exception] = []
    context = context_of(feed, settings, Cursor(), _broker(settings), lambda _, error: errors.append(error))
    reference = await read_reference(feed, context)
    seen, look = Preview(reference_count=len(reference)), _Look(feed, reference, count)
    with contextlib.suppress(TimeoutError):
        async with (
            asyncio.timeout(seconds),
            aclosing(transport_of(feed.transport).fetch(feed.transport, context)) as found,
        ):
            async for payload in found:
                look.at(payload, seen)
                if len(seen.events) >= count:
                    break
    return seen


class _Look:
    def __init__(self, feed: Feed, reference: Reference, count: int) -> None:
        self._feed, self._reference, self._count = feed, reference, count
        self._accept = Acceptance(feed, contract(feed.event))

    def at(self, payload: Payload, seen: Preview) -> None:
        """Add what a payload holds."""
        seen.bytes_read += len(payload.body)
        seen.places.append(payload.place)
        found = format_of(self._feed.format).decode(payload, self._feed.format, self._reference)
        for item in islice(found, MAX_RECORDS):
            judged = item if isinstance(item, Rejected) else self._accept(item, payload.received_at)
            if isinstance(judged, Rejected):
                seen.rejected_count += 1
                seen.rejected.extend([judged] if len(seen.rejected) < self._count else ())
            else:
                seen.accepted_count += 1
                seen.events.extend([judged] if len(seen.events) < self._count else ())


def _broker(settings: Settings) -> Broker | None:
    """The broker of the platform, even where Kafka and the others have no address yet."""
    try:
        return broker_of(endpoints(settings))
    except NoEndpointsError:
        return broker_of(settings)
