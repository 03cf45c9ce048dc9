"""`garonne feeds`: list, check, preview and begin feeds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.table import Table

from connectors.feed import FeedError, load_feed, load_feeds
from connectors.preview import preview as look
from garonne import scaffold
from garonne.console import console, errors
from runtime.settings import PROJECT, settings

ALL_FEEDS = PROJECT / "deploy" / "feeds"
TOULOUSE = ALL_FEEDS / "toulouse"

app = typer.Typer(no_args_is_help=True, help="Feeds: where the data comes from.")

Folder = Annotated[Path, typer.Argument(exists=True, help="A feed's YAML file, or a folder of them.")]


@app.command("list")
def list_(feeds: Folder = TOULOUSE) -> None:
    """The feeds of a folder."""
    table = Table("feed", "tenant", "event", "transport", "format", "licence", "title")
    for f in load_feeds(feeds):
        table.add_row(f.id, f.tenant, f.event, f.transport.kind, f.format.kind, f.licence or "", f.title)
    console.print(table)


@app.command()
def check(feeds: Folder = TOULOUSE) -> None:
    """Whether feeds can be used. Exits with 1 and the reason when one cannot."""
    console.print(f"{len(load_feeds(feeds))} feeds can be used")


@app.command()
def preview(
    feed: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A feed's YAML file.")],
    count: Annotated[int, typer.Option(min=1, max=100, help="Records to show.")] = 5,
    seconds: Annotated[float, typer.Option(min=1, max=600, help="How long to wait for data.")] = 30,
) -> None:
    """Show decoded records and what would be rejected; nothing is sent. Exits with 1 when nothing would be accepted."""
    seen = look(load_feed(feed), settings(), count, seconds)
    for event in seen.events:
        console.print_json(orjson.dumps(event).decode())
    for r in seen.rejected:
        errors.print(f"rejected ({r.reason}) {r.place}: {r.detail}", style="yellow", markup=False, soft_wrap=True)
    console.print(
        f"{seen.accepted_count} accepted, {seen.rejected_count} rejected, {seen.bytes_read:,} bytes from "
        f"{', '.join(seen.places) or 'nowhere: nothing came'}",
        soft_wrap=True,
    )
    if not seen.accepted_count:
        raise typer.Exit(1)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Id of the feed: small letters, digits, - and _.")],
    tenant: Annotated[str, typer.Option(help="Commune or body whose data it is.")] = "toulouse",
    event: Annotated[str, typer.Option(help="Contract of its events.")] = "weather_observed",
    format_: Annotated[str, typer.Option("--format", help="Format of its payloads.")] = "json_records",
    transport: Annotated[str, typer.Option(help="How they come: http, mqtt or files.")] = "files",
) -> None:
    """Write the two files a new feed needs: its YAML and its sample."""
    try:
        written = scaffold.new_feed(PROJECT, name, tenant, event, format_, transport)
    except FileExistsError as e:
        raise FeedError(f"{e.filename} is there already") from None
    for path in written:
        console.print(f"written: {path.relative_to(PROJECT)}")
    console.print(
        f"now put a captured payload into the sample, adapt the YAML, and run:\n  garonne feeds expect {name}"
    )


@app.command()
def expect(name: Annotated[str, typer.Argument(help="Id of a feed with a sample.")]) -> None:
    """Decode a feed's sample and keep the events as what its test expects; look at them before you commit."""
    path = scaffold.write_expected(PROJECT, name)
    console.print(path.read_text(encoding="utf-8"), markup=False)
    console.print(f"written: {path.relative_to(PROJECT)}")
