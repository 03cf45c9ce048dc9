"""`garonne archive`: what is in the archive of all accepted events, and its compaction."""

from __future__ import annotations

from typing import Annotated

import typer

from garonne.submit import JVM_OPTIONS, LOCAL_MASTER, Master, Memory, run_driver
from schemas import Kind, contracts

app = typer.Typer(no_args_is_help=True, help="The archive: every accepted event, also when Kafka has it no more.")

OPTIONS = ["--driver-java-options", JVM_OPTIONS]
Dry = Annotated[bool, typer.Option(help="Only print the command.")]


@app.command()
def status(master: Master = LOCAL_MASTER, driver_memory: Memory = "512m", dry_run: Dry = False) -> None:
    """Show of each event: rows, files, days, and how much waits in Kafka."""
    run_driver(["archive", "status"], OPTIONS, master, driver_memory, dry_run)


@app.command()
def compact(
    event: Annotated[list[str] | None, typer.Argument(help="Event contracts; without any, all of them.")] = None,
    master: Master = LOCAL_MASTER,
    driver_memory: Memory = "1g",
    dry_run: Dry = False,
) -> None:
    """Make large files of small ones now, and delete what killed drivers left; running drivers compact now and then."""
    known = [c.name for c in contracts().values() if c.kind is Kind.EVENT]
    if unknown := sorted(set(event or []) - set(known)):
        raise typer.BadParameter(f"no event {', '.join(unknown)}; there are {', '.join(known)}")
    events = [word for name in event or [] for word in ("--event", name)]
    run_driver(["archive", "compact", *events], OPTIONS, master, driver_memory, dry_run)
