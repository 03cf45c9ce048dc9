"""`garonne jobs`: which there are, and the files that a new one needs."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from garonne import scaffold
from garonne.console import console
from jobs.job import all_jobs
from runtime.settings import PROJECT

app = typer.Typer(no_args_is_help=True, help="Jobs: what is computed.")


@app.command("list")
def list_() -> None:
    """All jobs, with what they read and make, how fresh and how late."""
    table = Table("job", "reads", "makes", "window", "freshness", "lateness")
    for j in all_jobs().values():
        table.add_row(j.name, j.reads, j.result, str(j.window), str(j.freshness), str(j.lateness))
    console.print(table)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of the job's module.")],
    reads: Annotated[str, typer.Option(help="Contract of the events it reads.")] = "weather_observed",
    result: Annotated[str, typer.Option(help="Contract of its results.")] = "heat_island_hourly",
) -> None:
    """Write a job and its test, to be edited."""
    for path in scaffold.new_job(PROJECT, name, reads, result):
        console.print(f"written: {path.relative_to(PROJECT)}")
