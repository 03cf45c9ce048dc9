"""`garonne tenants`: who may read a tenant's documents in Elasticsearch itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from elasticsearch import Elasticsearch
from rich.table import Table

from garonne.console import console
from runtime.elastic.client import client
from runtime.endpoints import endpoints
from runtime.settings import settings
from schemas import contracts
from serving.access.elastic_keys import add_analyst, analysts, remove_analysts, role_name, serve_key
from serving.access.levels import Level

app = typer.Typer(no_args_is_help=True, help="Analysts of tenants: roles and keys of Elasticsearch itself.")


@app.command()
def add(
    tenant: Annotated[str, typer.Argument(help="Whose documents they read.")],
    level: Annotated[Level, typer.Option(help="Up to which sensitivity.")] = Level.PARTNER,
    days: Annotated[int, typer.Option(min=1, max=3650, help="Days until the key expires.")] = 365,
) -> None:
    """Put the role of a tenant's analysts, and make a key for them and show it, this once."""
    key_id, key = add_analyst(_es(), contracts().values(), tenant, level, days)
    console.print(key.get_secret_value(), soft_wrap=True, markup=False)
    typer.echo(f"{key_id}: reads {tenant} up to {level} for {days} days; role {role_name(tenant, level)}", err=True)


@app.command("list")
def list_keys() -> None:
    """Show all analysts' keys, without what opens."""
    table = Table("tenant", "level", "id", "made", "expires", "", title="Analysts' keys of Elasticsearch")
    for key in analysts(_es(), datetime.now(UTC)):
        expires = "never" if key.expires_at is None else f"{key.expires_at:%Y-%m-%d}"
        state = "valid" if key.is_valid else "ended"
        table.add_row(key.tenant, key.level, key.key_id, f"{key.created_at:%Y-%m-%d}", expires, state)
    console.print(table)


@app.command()
def remove(tenant: Annotated[str, typer.Argument(help="Whose analysts.")]) -> None:
    """End all keys of a tenant's analysts at once, and remove their roles; the documents stay."""
    ended, removed = remove_analysts(_es(), tenant)
    console.print(f"{tenant}: {ended} keys ended, {removed} roles removed")


@app.command("serve-key")
def serve_key_() -> None:
    """Make a key for a `garonne serve` elsewhere (ELASTICSEARCH_API_KEY) and show it, this once.

    It reads documents and keys of the API, and adds to the record of accesses.
    """
    key_id, key = serve_key(_es())
    console.print(key.get_secret_value(), soft_wrap=True, markup=False)
    typer.echo(f"{key_id}: for garonne serve", err=True)


def _es() -> Elasticsearch:
    return client(endpoints(settings()))
