"""`garonne serve`: the API, until stopped."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Annotated, NoReturn

import typer
import uvicorn

from garonne.console import errors
from garonne.pipeline import LocalPipeline
from runtime.elastic.client import client
from runtime.endpoints import endpoints
from runtime.local.folders import secret
from runtime.local.ports import LOOPBACK
from runtime.processes import announced
from runtime.settings import settings
from serving.app import application
from serving.pipeline import KeptPipeline
from serving.services import ANONYMOUS_PER_MINUTE, Services

PORT = 8080
TIMEOUT_SECONDS = 25.0
MAX_HEAD_BYTES = 32 * 1024
GRACE_SECONDS = 5


def serve(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = PORT,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")] = LOOPBACK,
    anonymous_per_minute: Annotated[
        int, typer.Option(min=1, help="Requests a minute of each address that gives no key.")
    ] = ANONYMOUS_PER_MINUTE,
    tiles: Annotated[
        str | None,
        typer.Option(
            envvar="GARONNE_TILES",
            help="Address of a base map's tiles, with {z}, {x} and {y}; without it, the map is drawn from the data.",
        ),
    ] = None,
) -> None:
    """Show the dashboards and answer questions over HTTP until Ctrl-C; the API's own description is at /docs."""
    es = client(endpoints(settings()), TIMEOUT_SECONDS)
    pipeline = KeptPipeline(LocalPipeline(settings()))
    services = Services.of(es, secret(settings().state, "api-cursors"), anonymous_per_minute, pipeline)
    app = application(services, tiles=tiles)
    errors.print(f"http://{host}:{port}/", soft_wrap=True)
    signal.signal(signal.SIGTERM, _leave)
    with announced(settings(), "api"):
        uvicorn.run(
            app,
            host=host,
            port=port,
            log_level="warning",
            access_log=False,  # each access is recorded as an event
            server_header=False,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )


def _leave(number: int, _: FrameType | None) -> NoReturn:
    """End as at the end of the command: uvicorn has let requests finish and hands the signal on."""
    raise SystemExit(0 if number == signal.SIGTERM else 128 + number)
