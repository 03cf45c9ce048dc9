"""`garonne kibana`: data views and dashboards for those who use Kibana."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from elasticsearch import ApiError, Elasticsearch
from rich.table import Table

from garonne.console import console, errors
from runtime.elastic.client import client
from runtime.endpoints import endpoints
from runtime.files import write_atomically
from runtime.settings import PROJECT, settings
from schemas import contracts
from serving.kibana.aggregations import rows, search
from serving.kibana.as_code import as_code, dashboard_id
from serving.kibana.data_views import data_views
from serving.kibana.generated import generated
from serving.kibana.panels import Panel, dashboards
from serving.kibana.push import Kibana, push

app = typer.Typer(no_args_is_help=True, help="Data views and dashboards for Kibana, from the contracts.")
FOLDER = PROJECT / "deploy" / "kibana"


@app.command()
def generate() -> None:
    """Write deploy/kibana: what `push` sends, and garonne.ndjson for Kibana's import."""
    found = generated(contracts().values(), dashboards())
    for path in (p for p in FOLDER.rglob("*") if p.is_file() and str(p.relative_to(FOLDER)) not in found):
        path.unlink()
    for name, text in found.items():
        write_atomically(FOLDER / name, text)
    console.print(f"written: {len(found)} files in {FOLDER.relative_to(PROJECT)}")


@app.command()
def check() -> None:
    """Run the query of every panel on Elasticsearch. Exits with 1 if one is refused or lacks a column."""
    es = client(endpoints(settings()))
    table, failed = Table("dashboard", "panel", "rows", "first"), 0
    for name, dashboard in dashboards().items():
        for panel in dashboard.panels:
            try:
                found = panel_rows(es, panel)
                table.add_row(name, panel.id, str(len(found)), str(found[0]) if found else "")
            except (ApiError, KeyError) as e:
                failed += 1
                errors.print(f"{name} {panel.id}: {type(e).__name__} {e}", style="red", soft_wrap=True, markup=False)
    console.print(table)
    if failed:
        raise typer.Exit(1)


@app.command("push")
def push_(
    url: Annotated[str | None, typer.Option(envvar="KIBANA_URL", help="Address of Kibana.")] = None,
) -> None:
    """Put data views and dashboards into a Kibana (9.4 or later), in place of those of the same ids."""
    if not url:
        raise typer.BadParameter("give the address: --url or KIBANA_URL", param_hint="--url")
    given = settings()
    kibana = Kibana(url, given.kibana_api_key, given.kibana_user, given.kibana_password)
    codes = {dashboard_id(name): as_code(d) for name, d in dashboards().items()}
    done = push(kibana, data_views(contracts().values()), codes)
    console.print(f"pushed: {len(done) - len(codes)} data views, {len(codes)} dashboards")


def panel_rows(es: Elasticsearch, panel: Panel) -> list[dict[str, Any]]:
    """The rows of a panel, as Elasticsearch gives them now.

    Raises:
        KeyError: a column is not there.
        elasticsearch.ApiError: the query is refused.
    """
    return rows(panel, dict(es.search(**search(panel), ignore_unavailable=True)))
