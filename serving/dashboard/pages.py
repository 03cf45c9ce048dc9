"""The built web application at the addresses of its pages, with headers that keep it from asking any other server."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from serving.doors.answers import json
from serving.problems import ProblemError

DIST = Path(str(files("serving.dashboard"))) / "dist"
ASSETS = "/assets"
SETTINGS = "/dashboard.json"
PAGES = (
    "/",
    "/trade/{name}",
    "/dataset/{name}",
    "/entity/{dataset}/{tenant}/{entity_id:path}",
    "/pipeline",
    "/key",
    "/accessibility",
)
EMBEDDED = "/embed/{panel:path}"
MISSING = "the dashboards are not built; `make setup` builds them, and the API answers without them"


def add_dashboard(app: FastAPI, tiles: str | None = None, folder: Path = DIST) -> None:
    """Add the pages, their files and their settings; ``tiles`` is the address of a raster base map, `{z}/{x}/{y}`.

    Raises:
        ValueError: the address of the tiles cannot be one.
    """
    source = _source(tiles)

    def page(request: Request) -> Response:
        index = folder / "index.html"
        if not index.is_file():
            raise ProblemError(404, "no-dashboards", MISSING)
        is_embedded = request.url.path.startswith("/embed/")
        return HTMLResponse(index.read_bytes(), headers={"Content-Security-Policy": policy(source, is_embedded)})

    for path in (*PAGES, EMBEDDED):
        app.add_route(path, page, include_in_schema=False)
    app.add_route(SETTINGS, lambda _: json({"tiles": tiles}), include_in_schema=False)
    app.mount(ASSETS, GZipMiddleware(StaticFiles(directory=folder / "assets", check_dir=False)), name="dashboard")


def policy(tiles: str | None, is_embedded: bool) -> str:
    """What a browser may load for a page, and who may show it in a frame."""
    beyond = f" {tiles}" if tiles else ""
    rules = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "font-src": "'self'",
        "img-src": f"'self' data: blob:{beyond}",
        "connect-src": f"'self'{beyond}",
        "worker-src": "'self'",
        "manifest-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "*" if is_embedded else "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _source(tiles: str | None) -> str | None:
    """The server of the tiles, as a policy names it."""
    if tiles is None:
        return None
    parts = urlsplit(tiles)
    if parts.scheme not in ("http", "https") or not parts.netloc or not all(x in tiles for x in ("{z}", "{x}", "{y}")):
        raise ValueError(
            f"{tiles} is not the address of tiles, such as https://tiles.example.org/{{z}}/{{x}}/{{y}}.png"
        )
    if any(c in parts.netloc for c in " ;,'\""):
        raise ValueError(f"{parts.netloc} is not the name of a server")
    return f"{parts.scheme}://{parts.netloc}"
