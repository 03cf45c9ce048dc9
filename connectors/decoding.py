"""The records of a payload in small lists, whatever its format does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import islice
from typing import Any

from connectors.model import Payload, Reason, Record, Rejected

CHUNK_RECORDS = 100  # between two turns of the event loop
LARGE_PAYLOAD_BYTES = 256_000  # parsed in a thread, so that other feeds go on

Item = Record | Rejected


async def decoded(
    payload: Payload, found: Iterator[Any], report: Callable[[Exception], None]
) -> AsyncIterator[list[Item]]:
    """What a format found in a payload; where it breaks down that is reported, and the payload refused."""
    is_large = len(payload.body) > LARGE_PAYLOAD_BYTES
    while True:
        items, error = await asyncio.to_thread(_some, found) if is_large else _some(found)
        is_large = False
        yield items
        if error is not None:
            report(error)
            detail = f"the format broke down: {type(error).__name__}: {error}"
            yield [Rejected(Reason.MALFORMED, detail, "", payload.body)]
        if error is not None or len(items) < CHUNK_RECORDS:
            return


def _some(found: Iterator[Any]) -> tuple[list[Item], Exception | None]:
    """The next records, and what stopped them if something did."""
    items: list[Item] = []
    try:
        for item in islice(found, CHUNK_RECORDS):
            items.append(item)  # a list made in one go would be lost with the error
    except Exception as e:  # noqa: BLE001 - formats are plugins and their input is anyone's
        return items, e
    return items, None
