"""A payload's records in small lists, so that other feeds have their turn between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import islice
from typing import Any

from connectors.model import Format, Payload, Reason, Record, Reference, Rejected

CHUNK_RECORDS = 100  # a few milliseconds
LARGE_PAYLOAD_BYTES = 256_000  # parsed in a thread

Item = Record | Rejected


async def decoded(
    form: Format, payload: Payload, options: Any, reference: Reference, broken: Callable[[Exception, str], None]
) -> AsyncIterator[list[Item]]:
    """What a format finds in a payload; where it breaks down, the error is told and the payload refused."""
    found = _found(form, payload, options, reference)
    is_large = len(payload.body) > LARGE_PAYLOAD_BYTES
    while True:
        items, error = await asyncio.to_thread(_some, found) if is_large else _some(found)
        is_large = False  # what is parsed is parsed
        if error is not None:
            broken(error, payload.place)
            detail = f"the format broke down: {type(error).__name__}: {error}"
            items.append(Rejected(Reason.MALFORMED, detail, "", payload.body))
        yield items
        if error is not None or len(items) < CHUNK_RECORDS:
            return


def _found(form: Format, payload: Payload, options: Any, reference: Reference) -> Iterator[Item]:
    """The format's records; it is not called before the first of them is wanted."""
    yield from form.decode(payload, options, reference)


def _some(found: Iterator[Item]) -> tuple[list[Item], Exception | None]:
    """The next records, and what stopped them if something did."""
    items: list[Item] = []
    try:
        for item in islice(found, CHUNK_RECORDS):
            items.append(item)  # a list made in one go would be lost with the error
    except Exception as e:  # noqa: BLE001 - formats are plugins and their input is anyone's
        return items, e
    return items, None
