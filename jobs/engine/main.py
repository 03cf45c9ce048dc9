"""What `spark-submit` runs: `main.py stream [--job NAME]…` or `main.py replay --job NAME --from T --to T`."""

from __future__ import annotations

import signal
import threading
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import structlog
import typer

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
from jobs.engine.upkeep import Upkeep
from jobs.job import Job, all_jobs
from runtime.elastic.waiting import show_waits
from runtime.logs import configure_logs
from runtime.processes import announced
from runtime.settings import settings

log = structlog.get_logger()
REFUSED = 3  # exit code: waiting does not help, a person has to decide
app = typer.Typer(add_completion=False, help=__doc__)

Names = Annotated[list[str] | None, typer.Option("--job", help="Job to run; without it, all and the observations.")]


@app.command()
def stream(
    job: Names = None,
    available_now: Annotated[bool, typer.Option(help="Work off what Kafka holds now, then end.")] = False,
) -> None:
    """Run jobs as streaming queries until stopped."""
    names = job or [OBSERVATIONS, *all_jobs()]
    context = Context.of(settings())
    stop = threading.Event() if available_now else _stop_on_signal()
    patiently(context.prepare, stop)
    if stop.is_set():
        return
    spark = session("garonne")
    jobs = [chosen(n) for n in names if n != OBSERVATIONS]
    upkeep = Upkeep(spark, context, jobs, settings().repair_seconds, settings().ledger_seconds)
    spark.streams.addListener(ProgressListener(upkeep.batch_ended))
    queries = [
        observations_query(spark, context) if n == OBSERVATIONS else job_query(spark, chosen(n), context) for n in names
    ]
    try:
        if available_now:
            drain(queries)
            upkeep.keep_all()
        else:
            watch = partial(show_waits, settings().state)
            with upkeep:
                keep_running(queries, stop, announced(settings(), "jobs"), all_wanted=bool(job), watch=watch)
    except (RefusedError, BusyError) as e:
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


def chosen(name: str) -> Job:
    """The job of that name.

    Raises:
        typer.BadParameter: there is none; the message lists those there are.
    """
    known = all_jobs()
    if name not in known:
        raise typer.BadParameter(f"no job {name!r}; there are {OBSERVATIONS}, {', '.join(known)}")
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
