"""Pages: what a cursor belongs to, and the address of the next page."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import Request

from serving.access.view import View


def question_of(request: Request, view: View, caller: str) -> str:
    """What a cursor belongs to: all but the place in the pages, and how many of them there are."""
    given = sorted((k, v) for k, v in request.query_params.multi_items() if k not in ("cursor", "limit"))
    return f"{caller} {view.scope} {view.dataset.name} {urlencode(given)}"


def next_query(request: Request, cursor: str) -> str:
    """The parameters of the next page."""
    given = [(k, v) for k, v in request.query_params.multi_items() if k != "cursor"]
    return urlencode([*given, ("cursor", cursor)])
