"""One conditional GET with limits on time, size and redirects."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

from connectors.inflate import Inflater, TooLargeError
from connectors.transports._addresses import RefusedError
from connectors.transports._urls import redirected

MAX_REDIRECTS = 3
OK, NO_CONTENT, NOT_MODIFIED, TOO_MANY_REQUESTS, UNAVAILABLE = 200, 204, 304, 429, 503
MAX_AGE = re.compile(r"(?:^|[\s,])max-age\s*=\s*\"?(\d{1,10})")


class GetError(RuntimeError):
    """An answer that is of no use; it may come right later."""

    def __init__(self, kind: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_after = retry_after  # seconds the server asks us to wait


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said; `body` is None when nothing has changed or there is nothing."""

    body: bytes | None
    content_type: str | None
    validators: Mapping[str, str]  # headers that make the next request conditional
    max_age: float | None  # seconds


@dataclass(frozen=True, slots=True)
class Limits:
    """What one GET may take."""

    max_bytes: int
    total_timeout_seconds: float
    allowed_hosts: tuple[str, ...] = ()


async def get(
    client: httpx2.AsyncClient, url: str, headers: Mapping[str, str], validators: Mapping[str, str], limits: Limits
) -> Answer:
    """The answer of a server; `headers` (which may be secret) go to the first host alone.

    Raises:
        GetError: the server refuses or fails, or its answer is cut, damaged or too large.
    """
    try:
        async with asyncio.timeout(limits.total_timeout_seconds):
            return await _follow(client, httpx2.URL(url), headers, validators, limits)
    except TimeoutError as e:
        raise GetError("timeout", f"no whole answer within {limits.total_timeout_seconds:g} s") from e
    except httpx2.TimeoutException as e:
        raise GetError("timeout", type(e).__name__) from e
    except httpx2.HTTPError as e:
        raise GetError("connection", f"{type(e).__name__}: {e}") from e
    except RefusedError as e:
        raise GetError("refused", str(e)) from e
    except TooLargeError as e:
        raise GetError("too_large", f"the answer {e}") from e
    except (ValueError, httpx2.InvalidURL) as e:
        raise GetError("damaged", str(e)) from e


async def _follow(
    client: httpx2.AsyncClient,
    origin: httpx2.URL,
    headers: Mapping[str, str],
    validators: Mapping[str, str],
    limits: Limits,
) -> Answer:
    url = origin
    for _ in range(MAX_REDIRECTS + 1):
        own = headers if (url.scheme, url.netloc) == (origin.scheme, origin.netloc) else {}
        async with client.stream("GET", url, headers={**own, **validators}, follow_redirects=False) as response:
            if not response.has_redirect_location:
                return await _answer(response, limits.max_bytes)
            target = url.join(response.headers["Location"])
        url = redirected(url, target, limits.allowed_hosts)
    raise RefusedError(f"more than {MAX_REDIRECTS} redirects")


async def _answer(response: httpx2.Response, max_bytes: int) -> Answer:
    status = response.status_code
    if status in (OK, NO_CONTENT, NOT_MODIFIED):
        body = await _body(response, max_bytes) if status == OK else None
        return Answer(body, response.headers.get("Content-Type"), _validators(response), _max_age(response))
    wait = _retry_after(response) if status in (TOO_MANY_REQUESTS, UNAVAILABLE) else None
    raise GetError(f"status_{status}", f"the server answered {status}", wait)


async def _body(response: httpx2.Response, max_bytes: int) -> bytes:
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "", "gzip", "x-gzip", "deflate"):
        raise ValueError(f"content encoding {encoding!r} was not asked for")
    chunks = response.aiter_raw()
    if encoding in ("identity", ""):
        return await _joined(chunks, max_bytes)
    return await _inflated(chunks, max_bytes)


async def _joined(chunks: AsyncIterator[bytes], max_bytes: int) -> bytes:
    body = io.BytesIO()  # whose value is no copy
    async for chunk in chunks:
        body.write(chunk)
        if body.tell() > max_bytes:
            raise TooLargeError(f"holds more than {max_bytes} bytes")
    return body.getvalue()


async def _inflated(chunks: AsyncIterator[bytes], max_bytes: int) -> bytes:
    inflater, body = Inflater(max_bytes), io.BytesIO()
    async for chunk in chunks:
        for piece in inflater.feed(chunk):
            body.write(piece)
    inflater.close()
    return body.getvalue()


def _validators(response: httpx2.Response) -> dict[str, str]:
    pairs = (("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified"))
    return {ask: response.headers[got] for ask, got in pairs if got in response.headers}


def _max_age(response: httpx2.Response) -> float | None:
    found = MAX_AGE.search(response.headers.get("Cache-Control", "").lower())
    return float(found[1]) if found else None


def _retry_after(response: httpx2.Response) -> float | None:
    value = response.headers.get("Retry-After", "").strip()
    if value.isdigit():
        return float(value[:10])
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
