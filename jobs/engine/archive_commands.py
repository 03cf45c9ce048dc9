"""What `spark-submit` runs on the archive: `main.py archive status` and `main.py archive compact [--event NAME]…`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from pyspark.sql import SparkSession
from rich.console import Console
from rich.table import Column
from rich.table import Table as View

from jobs.engine.archive import event_tables, records, writing
from jobs.engine.compaction import compact, remove_orphans, stored
from jobs.engine.context import Context
from jobs.engine.past import Past
from jobs.engine.session import session
from jobs.engine.tables import Table
from runtime.settings import settings

app = typer.Typer(add_completion=False, help=__doc__)
console = Console(highlight=False)

COLUMNS = ("event", "rows", "files", "MB", "days", "waiting in Kafka", "missing before")

Events = Annotated[list[str] | None, typer.Option("--event", help="Event contract; without it, all of them.")]


@app.command()
def status() -> None:
    """What the archive holds of each event, and what waits for it in Kafka."""
    view = View(*(Column(title, no_wrap=title == COLUMNS[0], overflow="fold") for title in COLUMNS))
    with _archive() as (spark, context):
        for table in event_tables(spark, context):
            view.add_row(table.contract.name, *_described(spark, context, table))
    console.print(view)


@app.command("compact")
def compact_command(event: Events = None) -> None:
    """Make large files of small ones, forget snapshots older than a day, delete what killed writers left."""
    with _archive() as (spark, context):
        for table in event_tables(spark, context):
            if (not event or table.contract.name in event) and table.exists():
                with writing(context):
                    done = compact(table, Past.of(spark, table.contract, context).reached)
                    remove_orphans(table)
                console.print(f"{table.contract.name}: {done.files_before} files became {done.files_after}")


def _described(spark: SparkSession, context: Context, table: Table) -> list[str]:
    past = Past.of(spark, table.contract, context)
    waiting = f"{records(past.waiting, past.held.end):,}"
    missing = past.missing_before.isoformat(" ", "seconds") if past.missing_before else ""
    if past.table is None:
        return ["0", "0", "0", "0", waiting, missing]
    there = stored(table)
    days = f"{there.days}, {there.first_day} to {there.last_day}" if there.days else "0"
    return [f"{there.rows:,}", f"{there.files:,}", f"{there.bytes / 1e6:.1f}", days, waiting, missing]


@contextmanager
def _archive() -> Iterator[tuple[SparkSession, Context]]:
    context = Context.of(settings())
    context.prepare()
    spark = session("garonne-archive")
    try:
        yield spark, context
    finally:
        spark.stop()
