"""`garonne ingest`: the connectors of a folder of feeds, until stopped."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import Annotated

import typer

from connectors.feed import Feed, FeedError, load_feeds
from connectors.runner import ingest as run
from garonne.console import errors
from runtime.endpoints import Endpoints, endpoints
from runtime.processes import announced
from runtime.registry import Registry
from runtime.settings import Settings, settings
from schemas import contract

Folder = Annotated[Path, typer.Argument(exists=True, help="A feed's YAML file, or a folder of them.")]


def ingest(feeds: Folder) -> None:
    """Bring the records of feeds into Kafka until Ctrl-C; what cannot be read becomes a dead letter."""
    found = load_feeds(feeds)
    if not found:
        raise FeedError(f"{feeds}: no feed is enabled here")
    addresses = endpoints(settings())
    _refuse_incompatible({f.event for f in found}, addresses)
    errors.print(f"{len(found)} feeds: {', '.join(f.id for f in found)}", soft_wrap=True)
    with announced(settings(), "connectors"):
        asyncio.run(_until_signal(found, addresses, settings()))


async def _until_signal(feeds: list[Feed], addresses: Endpoints, used: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await run(feeds, addresses, used, stop)


def _refuse_incompatible(events: set[str], addresses: Endpoints) -> None:
    """End before any data moves when old data could not be read with a schema; a registry that is away is waited for.

    Raises:
        runtime.registry.IncompatibleSchemaError: says which, and what to do.
    """
    registry = Registry(addresses.schema_registry_url, settings().state / "schemas")
    for name in sorted(events):
        with contextlib.suppress(OSError):  # away, and never seen before: the feeds try again and say so
            registry.register(contract(name))
