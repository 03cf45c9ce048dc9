"""Addresses, media types and links of the paths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request

from serving.dialects import OGC

PREFIX = OGC
COLLECTIONS = f"{PREFIX}/collections"
JSON = "application/json"
GEOJSON = "application/geo+json"
HTML = "text/html"
SCHEMA = "application/schema+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
QUERYABLES = "http://www.opengis.net/def/rel/ogc/1.0/queryables"

Link = dict[str, Any]


def link(href: str, rel: str, media_type: str, title: str) -> Link:
    """A link to something in a media type."""
    return {"href": href, "rel": rel, "type": media_type, "title": title}


def address(request: Request, path: str, tenants: Sequence[str] = (), **query: str) -> str:
    """The whole address of a path, with the tenants that were asked for."""
    given = urlencode([*(("tenant", t) for t in tenants), *query.items()])
    return f"{str(request.base_url).rstrip('/')}{path}{f'?{given}' if given else ''}"


def of_item(dataset: str, name: str) -> str:
    """The path of a feature."""
    return f"{COLLECTIONS}/{dataset}/items/{quote(name, safe='')}"


def itself(request: Request, media_type: str, is_html: bool) -> list[Link]:
    """A page's links to itself, and to itself in the other format."""
    here = str(request.url)
    other = request.url.include_query_params(f="json" if is_html else "html")
    kinds = (HTML, media_type) if is_html else (media_type, HTML)
    return [
        link(here, "self", kinds[0], "This page"),
        link(str(other), "alternate", kinds[1], "This page in another format"),
    ]
