"""`garonne rebuild`: a query begun anew, with all its figures computed again."""

from __future__ import annotations

from typing import Annotated

import typer

from garonne.console import console
from garonne.submit import JVM_OPTIONS, LOCAL_MASTER, Master, Memory, as_options, run_driver
from jobs.engine.context import STATELESS, Context
from jobs.engine.main import chosen
from jobs.engine.rebuild import begin_anew
from runtime.settings import settings

Queries = Annotated[list[str], typer.Argument(help="Jobs to begin anew, or the queries without state.")]
Keep = Annotated[
    bool,
    typer.Option("--keep", help="Keep the checkpoint: you know that the job's change leaves its figures as they are."),
]


def rebuild(
    job: Queries,
    keep: Keep = False,
    master: Master = LOCAL_MASTER,
    driver_memory: Memory = "1g",
    dry_run: Annotated[bool, typer.Option(help="Only print the command.")] = False,
) -> None:
    """Begin jobs anew: a new checkpoint, and every figure computed again over the one that is there."""
    computed = [name for name in job if name not in STATELESS]
    for name in computed:
        chosen(name)
    context = Context.of(settings())
    for name in job:
        with context.checkpoint(name).held():  # a driver that runs it is said before Spark starts
            if keep:
                context.checkpoint(name).keep()
    if keep:
        for name in job:
            console.print(f"{name}: its checkpoint is that of the job as it is now. To go on: garonne submit")
        return
    for name in job:
        if name in STATELESS and not dry_run:
            mark = begin_anew(context, name)
            console.print(f"{name}: generation {mark.generation} reads all that Kafka has. To go on: garonne submit")
    if computed:
        options = ["--driver-java-options", JVM_OPTIONS]
        run_driver(["rebuild", *as_options(computed)], options, master, driver_memory, dry_run)
