"""Limits of a request: its address and its body are small, and an answer begins within a time."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import response
from serving.problems import ProblemError

MAX_QUERY_BYTES = 16 * 1024  # a cursor holds the names of all indices it reads
MAX_HEAD_BYTES = 256 * 1024  # of what comes before the body: an address too long is read to its end, and then told so
MAX_BODY_BYTES = 64 * 1024
ANSWER_SECONDS = 30.0  # until the first byte; an export goes on


class Limits:
    """ASGI middleware that refuses what is too large and gives up what is too slow."""

    def __init__(self, app: ASGIApp, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._app = app
        self._answer_seconds = answer_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        problem = _too_large(scope)
        if problem is None:
            problem = await self._answered(scope, receive, send)
        if problem is not None:
            await response(problem, scope["path"])(scope, receive, send)

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> ProblemError | None:
        """Run the application; a problem when its answer has not begun in time."""
        received = 0
        started = False

        async def bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY_BYTES:
                raise _body_too_large()
            return message

        try:
            async with asyncio.timeout(self._answer_seconds) as limit:

                async def noted(message: Message) -> None:
                    nonlocal started
                    if not started:
                        started = True
                        limit.reschedule(None)
                    await send(message)

                await self._app(scope, bounded, noted)
        except TimeoutError:
            if started:
                raise
            detail = f"no answer within {self._answer_seconds:g} s; ask for less time, fewer groups or fewer fields"
            return ProblemError(503, "too-slow", detail, {"Retry-After": "10"})
        except ProblemError as problem:
            if started:
                raise
            return problem
        return None


def _too_large(scope: Scope) -> ProblemError | None:
    if len(scope["query_string"]) > MAX_QUERY_BYTES:
        return ProblemError(414, "address-too-long", f"the address may have {MAX_QUERY_BYTES} bytes after its path")
    length = next((v for k, v in scope["headers"] if k == b"content-length"), b"0")
    return _body_too_large() if not length.isdigit() or int(length) > MAX_BODY_BYTES else None


def _body_too_large() -> ProblemError:
    return ProblemError(413, "body-too-large", f"a request may bring {MAX_BODY_BYTES} bytes")
