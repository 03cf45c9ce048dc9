"""`garonne serve`: the API, until stopped."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Annotated, NoReturn

import typer
import uvicorn
from elasticsearch import AuthorizationException, TransportError
from pydantic import SecretStr

from garonne.console import errors
from garonne.pipeline import LocalPipeline
from runtime.elastic.client import client
from runtime.endpoints import Endpoints, endpoints
from runtime.local.folders import secret
from runtime.local.ports import LOOPBACK
from runtime.processes import announced
from runtime.settings import settings
from runtime.urls import shown
from serving.access.elastic_keys import kept_serve_key, own_serve_key
from serving.access.issuers import issuers
from serving.app import application
from serving.limits import MAX_HEAD_BYTES
from serving.pipeline import KeptPipeline
from serving.services import ANONYMOUS_PER_MINUTE, Services

PORT = 8080
TIMEOUT_SECONDS = 25.0
GRACE_SECONDS = 5
KEY_FILE = "elasticsearch-serve.json"


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
    es = client(_reading(endpoints(settings())), TIMEOUT_SECONDS)
    signing = secret(settings().state, "api-cursors")
    pipeline = KeptPipeline(LocalPipeline(settings()))
    services = Services.of(es, signing, anonymous_per_minute, issuers(settings().issuers), pipeline)
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


def _reading(given: Endpoints) -> Endpoints:
    """The addresses with a key of the API's own, which reads; a key that is given is used as it is.

    Raises:
        RuntimeError: there is no such key yet, and Elasticsearch cannot be asked for one now.
    """
    if given.elasticsearch_api_key is not None or given.elasticsearch_user is None:
        return given
    path = settings().state / "secrets" / KEY_FILE
    try:
        key: SecretStr | None = own_serve_key(client(given), path)
    except AuthorizationException:
        return given  # a login that may not make keys has been given few rights already
    except TransportError:
        key = kept_serve_key(path)
    if key is None:
        raise RuntimeError(
            f"no answer from {shown(given.elasticsearch_url)}, where the API makes its key when it begins"
        )
    return given.model_copy(update={"elasticsearch_api_key": key})


def _leave(number: int, _: FrameType | None) -> NoReturn:
    """End as at the end of the command: uvicorn has let requests finish and hands the signal on."""
    raise SystemExit(0 if number == signal.SIGTERM else 128 + number)
