"""Headers of every answer: no cache between us and the caller may keep what one key has opened for another."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.documentation import ASSETS

ALWAYS = {"X-Content-Type-Options": "nosniff"}
UNCACHED = {"Cache-Control": "no-store"}


class Headers:
    """ASGI middleware that adds them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        added = ALWAYS if scope["type"] == "http" and scope["path"].startswith(ASSETS) else {**ALWAYS, **UNCACHED}

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(added)
            await send(message)

        await self._app(scope, receive, with_headers)
