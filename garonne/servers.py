"""`garonne up`, `down`, `reset`: the servers of this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from garonne.console import console, progress_bars
from jobs.engine.context import Context
from runtime.endpoints import Endpoints
from runtime.local import stack
from runtime.settings import settings
from runtime.urls import shown


def up() -> None:
    """Start Kafka, the schema registry, Elasticsearch and the MQTT broker here, unless an address is given for them."""
    with progress_bars() as report:
        addresses = stack.up(settings(), report)
    Context(addresses, settings().state).prepare()
    show(addresses)


def down() -> None:
    """Stop the servers that `garonne up` started, and nothing else. Their data stays."""
    with progress_bars() as report:
        ran = stack.down(settings(), report)
    console.print(f"stopped: {', '.join(ran) or 'nothing ran'}")


def reset(yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Stop the servers and delete their data, checkpoints and cursors. Downloads stay."""
    if not yes:
        typer.confirm(f"Delete all data under {settings().state}?", abort=True)
    with progress_bars() as report:
        stack.reset(settings(), report)
    console.print(f"deleted: the data under {settings().state}")


def show(addresses: Endpoints) -> None:
    """Print the addresses, and where the password is."""
    for name, address in addresses.model_dump(exclude_none=True).items():
        if name.endswith(("_bootstrap", "_url", "_user")):
            console.print(f"  {name:<22} {shown(address)}")
    console.print(f"  passwords: {settings().state / 'secrets'}", soft_wrap=True)
