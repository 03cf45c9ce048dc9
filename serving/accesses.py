"""Notes every request that was answered: in the metrics, and in the record of accesses."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runtime import metrics
from serving.access.audit import Audit
from serving.access.caller import Caller
from serving.access.view import View

MAX_QUERY = 2000
NO_ROUTE = "none"


class Accesses:
    """ASGI middleware around all others."""

    def __init__(self, app: ASGIApp, audit: Audit) -> None:
        self._app = app
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note what became of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status, size = time.perf_counter(), 0, 0

        async def noted(message: Message) -> None:
            nonlocal status, size
            status = message.get("status", status)
            size += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception:
            status = status or 500
            raise
        finally:
            seconds = time.perf_counter() - began
            route = getattr(scope.get("route"), "path_format", NO_ROUTE)
            metrics.API_REQUESTS.labels(route=route, status=str(status)).inc()
            metrics.API_SECONDS.labels(route=route).observe(seconds)
            if status:
                self._audit.note(access(scope, status, size, seconds))


def access(scope: Scope, status: int, size: int, seconds: float) -> dict[str, Any]:
    """Who asked for what, as it is recorded; keys are in headers, which are not."""
    state = scope.get("state", {})
    caller, view = state.get("caller"), state.get("view")
    who = view if isinstance(view, View) else caller if isinstance(caller, Caller) else None  # of several datasets none
    return {
        "@timestamp": datetime.now(UTC),
        "caller": caller.name if isinstance(caller, Caller) else None,
        "access_level": who.level if who is not None else None,
        "tenants": sorted(who.tenants) if who is not None and who.tenants is not None else [],
        "dataset": view.dataset.name if isinstance(view, View) else None,
        "method": scope["method"],
        "path": scope["path"][:MAX_QUERY],
        "query": scope["query_string"].decode("latin-1")[:MAX_QUERY],
        "address": scope["client"][0] if scope.get("client") else None,
        "status": status,
        "body_bytes": size,
        "duration_seconds": round(seconds, 4),
    }
