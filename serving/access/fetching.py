"""A JSON document of an issuer, with limits on its size and on the whole time it may take."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import orjson

MAX_BYTES = 256 * 1024
TOTAL_SECONDS = 5.0


class FetchError(RuntimeError):
    """A document that cannot be had; says why."""


def fetched(url: str, total_seconds: float = TOTAL_SECONDS, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """The object at an address. Called from a thread that has no event loop.

    Raises:
        FetchError: no whole answer in time, too large a one, a redirect, an error, or no JSON object.
    """
    try:
        body = asyncio.run(_body(url, total_seconds, max_bytes))
        found = orjson.loads(body)
    except TimeoutError:
        raise FetchError(f"{url}: no whole answer within {total_seconds:g} s") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as e:
        raise FetchError(f"{url}: {type(e).__name__}: {str(e)[:200]}") from None
    if not isinstance(found, dict):
        raise FetchError(f"{url}: the answer is not an object")
    return found


async def _body(url: str, total_seconds: float, max_bytes: int) -> bytes:
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}  # so that the size is the size
    async with (
        asyncio.timeout(total_seconds),
        httpx2.AsyncClient(timeout=total_seconds, trust_env=False, headers=headers) as client,
        client.stream("GET", url, follow_redirects=False) as answer,
    ):
        if answer.status_code != 200:
            raise FetchError(f"{url}: answered {answer.status_code}")
        body = bytearray()
        async for chunk in answer.aiter_raw():
            body += chunk
            if len(body) > max_bytes:
                raise FetchError(f"{url}: the answer holds more than {max_bytes} bytes")
        return bytes(body)
