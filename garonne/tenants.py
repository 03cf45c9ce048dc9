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
from serving.access.elastic_keys import add_analyst, add_user, analysts, remove_analysts, role_name, serve_key
from serving.access.levels import Level

app = typer.Typer(no_args_is_help=True, help="Analysts of tenants: roles and keys of Elasticsearch itself.")


@app.command()
def add(
    tenant: Annotated[str, typer.Argument(help="Whose documents they read.")],
    level: Annotated[Level, typer.Option(help="Up to which sensitivity.")] = Level.PARTNER,
    days: Annotated[int, typer.Option(min=1, max=3650, help="Days until the key expires.")] = 365,
    user: Annotated[str | None, typer.Option(help="Make a user of that name, for Kibana, and no key.")] = None,
) -> None:
    """Put the role of a tenant's analysts, make a key or a user for them, and show key or password, this once."""
    if user is None:
        name, opens = add_analyst(_es(), contracts().values(), tenant, level, days)
    else:
        name, opens = user, add_user(_es(), contracts().values(), tenant, level, user)
    console.print(opens.get_secret_value(), soft_wrap=True, markup=False)
    typer.echo(f"{name}: reads {tenant} up to {level}; role {role_name(tenant, level)}", err=True)


@app.command("list")
def list_() -> None:
    """Show all analysts' keys and users, without what opens."""
    table = Table("tenant", "level", "key or user", "expires", "", title="Analysts in Elasticsearch")
    for found in analysts(_es(), datetime.now(UTC)):
        expires = "never" if found.expires_at is None else f"{found.expires_at:%Y-%m-%d}"
        kind = "user" if found.is_user else "key"
        table.add_row(
            found.tenant, found.level, f"{kind} {found.name}", expires, "valid" if found.is_valid else "ended"
        )
    console.print(table)


@app.command()
def remove(tenant: Annotated[str, typer.Argument(help="Whose analysts.")]) -> None:
    """End all keys of a tenant's analysts at once, and remove their users and roles; the documents stay."""
    keys, users = remove_analysts(_es(), tenant)
    console.print(f"{tenant}: {keys} keys ended, {users} users removed")


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
