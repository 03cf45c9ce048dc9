"""HEAD: asked as GET is, answered without the body."""

from __future__ import annotations

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Heads:
    """ASGI middleware that ends a HEAD request where its body would begin."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, HEAD as GET."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        with anyio.CancelScope() as answered:

            async def bodiless(message: Message) -> None:
                scope["method"] = "HEAD"  # the server must not wait for the body that the headers promise
                if message["type"] == "http.response.body":
                    message = {"type": "http.response.body"}
                await send(message)
                if message["type"] == "http.response.body":
                    answered.cancel()  # a long or endless answer is not made only to be thrown away

            scope["method"] = "GET"
            await self._app(scope, receive, bodiless)
