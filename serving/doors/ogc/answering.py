"""Answers in the format that is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import Request
from starlette.responses import HTMLResponse, Response

from serving.doors.ogc.addresses import HTML, JSON
from serving.doors.ogc.html import page
from serving.doors.ogc.parameters import Page

POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def is_html(request: Request, asked: Page) -> bool:
    """Whether an answer is for people: asked for by `f`, or by a header Accept that prefers HTML."""
    if asked.f is not None:
        return asked.f == "html"
    weights = dict(map(_weighted, request.headers.get("accept", "*/*").split(",")))
    return weights.get(HTML, 0) > max((w for kind, w in weights.items() if kind != HTML and "json" in kind), default=0)


def answer(title: str, content: Mapping[str, Any], as_html: bool, media_type: str = JSON, **headers: str) -> Response:
    """A document, as JSON or as a page."""
    if as_html:
        return HTMLResponse(page(title, content), headers={"Content-Security-Policy": POLICY, **headers})
    return Response(orjson.dumps(content), headers=headers, media_type=media_type)


def _weighted(part: str) -> tuple[str, float]:
    """A media range of a header Accept, and its weight."""
    kind, *parameters = (p.strip().lower() for p in part.split(";"))
    given = next((p[2:] for p in parameters if p.startswith("q=")), "1")
    try:
        return kind, float(given)
    except ValueError:
        return kind, 0.0
