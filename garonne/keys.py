"""`garonne keys`: who may see more than open data through the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from garonne.console import console
from garonne.payload_view import safe
from runtime.elastic.client import client
from runtime.endpoints import endpoints
from runtime.settings import settings
from serving.access.keys import KeyStore, made
from serving.access.levels import Level

PER_MINUTE = 1200
app = typer.Typer(no_args_is_help=True, help="Keys of the API: who may see whose data, up to which level.")


@app.command()
def add(
    label: Annotated[str, typer.Argument(help="Who gets it and what for.")],
    tenant: Annotated[list[str], typer.Option(help="A tenant whose data it opens; may be repeated; * for all.")],
    level: Annotated[Level, typer.Option(help="How much of it.")] = Level.PARTNER,
    days: Annotated[int, typer.Option(min=1, max=3650, help="Days until it expires.")] = 365,
    per_minute: Annotated[int, typer.Option(min=1, help="Requests a minute.")] = PER_MINUTE,
) -> None:
    """Make a key and show it, this once."""
    kept, key = made(tenant, level, label, per_minute, timedelta(days=days), datetime.now(UTC))
    _store().add(kept)
    console.print(key.get_secret_value(), soft_wrap=True, markup=False)
    typer.echo(f"{kept.key_id}: {level} of {', '.join(kept.tenants)} until {kept.expires_at:%Y-%m-%d}", err=True)


@app.command("list")
def list_keys() -> None:
    """Show all keys, without what opens."""
    now = datetime.now(UTC)
    table = Table(
        Column("id", no_wrap=True), "label", "tenants", "level", "a minute", "expires", "", title="Keys of the API"
    )
    for key in _store().all():
        state = "valid" if key.is_valid(now) else "revoked" if key.revoked_at else "expired"
        tenants = ", ".join(key.tenants)
        table.add_row(
            key.key_id,
            escape(safe(key.label)),
            tenants,
            key.level,
            str(key.per_minute),
            f"{key.expires_at:%Y-%m-%d}",
            state,
        )
    console.print(table)


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(help="The key's id, as listed.")]) -> None:
    """End a key at once."""
    _store().revoke(key_id, datetime.now(UTC))
    console.print(f"revoked: {key_id}")


def _store() -> KeyStore:
    return KeyStore(client(endpoints(settings())))
