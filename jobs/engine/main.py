"""What `spark-submit` runs: `main.py stream [--job NAME]…`, `main.py replay …`, `main.py archive …`."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import structlog
import typer

from jobs.engine.archive import NAME as ARCHIVE
from jobs.engine.archive import Archive
from jobs.engine.archive_commands import app as archive_app
from jobs.engine.checkpoint import BusyError
from jobs.engine.context import Context
from jobs.engine.observations import NAME as OBSERVATIONS
from jobs.engine.patience import patiently
from jobs.engine.progress import ProgressListener
from jobs.engine.rebuild import rebuild
from jobs.engine.refusal import RefusedError
from jobs.engine.repair import repair
from jobs.engine.replay import NothingKeptError, Span, replay
from jobs.engine.runner import drain, keep_running
from jobs.engine.session import session
from jobs.engine.streams import job_query, observations_query
from jobs.engine.tables import ArchiveMismatchError
from jobs.engine.upkeep import Upkeep
from jobs.job import Job, all_jobs
from runtime.elastic.waiting import show_waits
from runtime.logs import configure_logs
from runtime.processes import announced
from runtime.settings import settings

log = structlog.get_logger()
FIGURES = "figures"  # all jobs
EVERYTHING = (OBSERVATIONS, FIGURES, ARCHIVE)
REFUSED = 3  # exit code: waiting does not help, a person has to decide
app = typer.Typer(add_completion=False, help=__doc__)
app.add_typer(archive_app, name="archive")

Names = Annotated[
    list[str] | None,
    typer.Option("--job", help=f"Job, {OBSERVATIONS}, {FIGURES} (all jobs) or {ARCHIVE}; without it, everything."),
]


@app.command()
def stream(
    job: Names = None,
    available_now: Annotated[bool, typer.Option(help="Work off what Kafka holds now, then end.")] = False,
) -> None:
    """Run jobs as streaming queries until stopped."""
    names = job or EVERYTHING
    context = Context.of(settings())
    stop = threading.Event() if available_now else _stop_on_signal()
    patiently(context.prepare, stop)
    if stop.is_set():
        return
    spark = session("garonne")
    jobs = jobs_of(names)
    upkeep = Upkeep(spark, context, jobs, settings().repair_seconds, settings().ledger_seconds)
    spark.streams.addListener(ProgressListener(upkeep.batch_ended))
    queries = [
        *([observations_query(spark, context)] if OBSERVATIONS in names else []),
        *(job_query(spark, job, context) for job in jobs),
    ]
    archive = Archive(spark, context) if ARCHIVE in names else None
    try:
        if available_now:
            drain(queries)
            if archive:
                archive.carry()
            upkeep.keep_all()
        else:
            watch = partial(show_waits, settings().state)
            with upkeep if jobs else nullcontext(), archive or nullcontext():
                ready = announced(settings(), driver_name(names))
                keep_running(queries, stop, ready, all_wanted=not any(n in EVERYTHING for n in names), watch=watch)
    except (RefusedError, BusyError, ArchiveMismatchError) as e:
        typer.echo(f"garonne: {e}", err=True)
        raise typer.Exit(REFUSED) from None
    finally:
        spark.stop()


@app.command("replay")
def replay_command(
    since: Annotated[str, typer.Option("--from", help="First window, RFC 3339.")],
    until: Annotated[str, typer.Option("--to", help="End of the last window, RFC 3339.")],
    job: Names = None,
) -> None:
    """Compute the windows of a span again from the archive and Kafka, and write them."""
    span = Span(instant(since), instant(until))
    context = Context.of(settings())
    context.prepare()
    spark = session("garonne-replay")
    try:
        for name in job or all_jobs():
            outcome = replay(spark, chosen(name), context, span)
            log.info(
                "replayed", job=name, written=outcome.written, unchanged=outcome.unchanged, refused=outcome.refused
            )
    except NothingKeptError as e:
        log.error("replay.nothing_kept", reason=str(e))
        raise typer.Exit(1) from None
    finally:
        spark.stop()


@app.command("rebuild")
def rebuild_command(job: Annotated[list[str], typer.Option("--job", help="Job to begin anew.")]) -> None:
    """Begin jobs anew, and compute all their windows from everything that is kept."""
    context = Context.of(settings())
    context.prepare()
    spark = session("garonne-rebuild")
    try:
        for number, name in enumerate(job, 1):
            done = rebuild(spark, chosen(name), context, partial(_tell, f"{name} ({number} of {len(job)})"))
            log.info("rebuilt", job=name, **asdict(done))
    except BusyError as e:
        typer.echo(f"garonne: {e}", err=True)
        raise typer.Exit(REFUSED) from None
    finally:
        spark.stop()


@app.command("repair")
def repair_command(job: Names = None) -> None:
    """Compute the windows again that observations came too late for, and write them."""
    context = Context.of(settings())
    context.prepare()
    spark = session("garonne-repair")
    try:
        for name in job or all_jobs():
            repair(spark, chosen(name), context)
    finally:
        spark.stop()


def jobs_of(names: Sequence[str]) -> list[Job]:
    """The jobs that a driver runs."""
    single = [chosen(n) for n in names if n not in EVERYTHING]
    return list(all_jobs().values()) if FIGURES in names else single


def driver_name(names: Sequence[str]) -> str:
    """What a driver is called among the running commands: several may share the work."""
    return "jobs" if FIGURES in names else "+".join(names)


def chosen(name: str) -> Job:
    """The job of that name.

    Raises:
        typer.BadParameter: there is none; the message lists those there are.
    """
    known = all_jobs()
    if name not in known:
        raise typer.BadParameter(f"no job {name!r}; there are {', '.join([*EVERYTHING, *known])}")
    return known[name]


def instant(text: str) -> datetime:
    """A time with its zone; without one it is taken as UTC.

    Raises:
        typer.BadParameter: it is not RFC 3339.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a time such as 2026-11-21T00:00:00Z") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _tell(what: str, step: str) -> None:
    log.info("rebuild", job=what, step=step)


def _stop_on_signal() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


if __name__ == "__main__":
    configure_logs()
    app()
