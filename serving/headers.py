"""Headers of every answer: no cache between us and the caller may keep what one key has opened for another."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.dashboard.pages import ASSETS as BUILT
from serving.documentation import ASSETS

ALWAYS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
UNCACHED = {"Cache-Control": "no-store"}
FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}  # their names change with their content


class Headers:
    """ASGI middleware that adds them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        path = scope["path"] if scope["type"] == "http" else ""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_added(path, message["status"]))
            await send(message)

        await self._app(scope, receive, with_headers)


def _added(path: str, status: int) -> dict[str, str]:
    if path.startswith(f"{BUILT}/") and status < 400:
        return {**ALWAYS, **FOR_EVER}
    return ALWAYS if path.startswith(ASSETS) else {**ALWAYS, **UNCACHED}
