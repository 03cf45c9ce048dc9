"""The documentation page: Swagger UI from the package fastapi-offline, so that a reader's browser asks nobody else."""

from __future__ import annotations

from pathlib import Path

import fastapi_offline
from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

FILES = Path(fastapi_offline.__file__).parent / "static"
ASSETS = "/docs/assets"
POLICY = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"


def add_documentation(app: FastAPI, openapi_url: str) -> None:
    """Add the page and its files."""

    @app.get("/docs", include_in_schema=False)
    async def page() -> HTMLResponse:
        shown = get_swagger_ui_html(
            openapi_url=openapi_url,
            title=app.title,
            swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{ASSETS}/swagger-ui.css",
            swagger_favicon_url=f"{ASSETS}/favicon.png",
            swagger_ui_parameters={"validatorUrl": None},  # else it sends the document's address elsewhere
        )
        shown.headers["Content-Security-Policy"] = POLICY
        return shown

    app.mount(ASSETS, StaticFiles(directory=FILES), name="documentation")
