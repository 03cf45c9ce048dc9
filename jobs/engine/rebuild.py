"""A query begun anew: the old checkpoint is kept aside, the past is computed and written over what is there.

What the past has whole is written above every batch of the new generation, so that the live query, which reads Kafka
from its oldest again, can only fill in the windows that are still open. Readers see the old figure or the new one.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.storagelevel import StorageLevel

from jobs.engine.checkpoint import Checkpoint, Mark, Phase
from jobs.engine.context import Context
from jobs.engine.past import CLOCK_TOLERANCE, Past
from jobs.engine.refusal import RefusedError
from jobs.engine.sink import Written, documents, write
from jobs.job import Job
from runtime.elastic import generations
from runtime.elastic.bulk import Action
from runtime.elastic.superseded import keep_older, remove_older
from schemas import contract

log = structlog.get_logger()

TOLD_EVERY_SECONDS = 5.0
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Rebuilt:
    """What became of a job's documents."""

    generation: int
    written: int  # figures of windows that are over, and of those still open
    kept: int  # figures of windows of which only a part of the past is left, as they were
    removed: int  # figures that the job no longer makes


def begin_anew(context: Context, query: str) -> Mark:
    """A new checkpoint for a query without state; the one before is kept aside."""
    checkpoint = context.checkpoint(query)
    with checkpoint.held():
        _set_aside(checkpoint)
        return checkpoint.begin(context.es)


def rebuild(spark: SparkSession, job: Job, context: Context, tell: Tell) -> Rebuilt:
    """Begin a job anew, and compute all its windows from everything that is kept.

    Stopped in the middle and called again, it does all of it once more; the job is refused until one has ended.

    Raises:
        jobs.engine.checkpoint.BusyError: the job is running.
    """
    checkpoint = context.checkpoint(job.name)
    with checkpoint.held():
        before = _set_aside(checkpoint)
        mark = checkpoint.begin(context.es, Phase.REBUILDING)
        tell(f"generation {mark.generation} begins")
        past = Past.of(spark, contract(job.reads), context)
        rebuilt = _rebuilt(spark, job, context, past, _whole_since(past, job, before), mark.generation, tell)
        checkpoint.write(replace(mark, phase=Phase.NEW))
    return rebuilt


def _set_aside(checkpoint: Checkpoint) -> Mark | None:
    """The mark of the checkpoint that was there; that of a rebuild which did not end is no loss."""
    try:
        before = checkpoint.mark()
    except RefusedError:
        before = None
    if before is not None and before.phase is Phase.REBUILDING:
        shutil.rmtree(checkpoint.folder)
    else:
        checkpoint.set_aside(datetime.now(UTC))
    return before


def _whole_since(past: Past, job: Job, before: Mark | None) -> datetime | None:
    """Windows that begin at or after this stand on events that are all kept; None when nothing was ever dropped."""
    missing = past.missing_before
    known = (before.topics or {}).get(past.contract.topic) if before else None
    if missing is None and known not in (None, past.held.topic_id):  # the topic was made again, and begins then
        missing = past.events().agg(F.min("observed_at")).collect()[0][0]
    return missing.astimezone(UTC) + CLOCK_TOLERANCE + job.lookback if missing else None


def _rebuilt(
    spark: SparkSession,
    job: Job,
    context: Context,
    past: Past,
    whole_since: datetime | None,
    generation: int,
    tell: Tell,
) -> Rebuilt:
    newest = past.events().agg(F.max("observed_at")).collect()[0][0]
    if newest is None:
        return Rebuilt(generation, 0, 0, 0)
    closed = newest.astimezone(UTC) - job.lateness - job.lookahead
    figures = past.events().transform(job.transform).persist(StorageLevel.DISK_ONLY)
    try:
        with _told(spark, tell):
            oldest = figures.agg(F.min("window_start")).collect()[0][0]
        if oldest is None:
            return Rebuilt(generation, 0, 0, 0)
        is_whole = F.lit(True) if whole_since is None else F.col("window_start") >= F.lit(whole_since)
        is_closed = F.col("window_end") <= F.lit(closed)
        repair = generations.repair_version(generation, generations.next_repair(context.es, job.name))
        written = _write(figures, is_whole & is_closed, job, context, repair)
        tell(f"{written.written} figures of windows that are over")
        opened = _write(figures, is_whole & ~is_closed, job, context, generations.version(generation, 0))
        tell(f"{opened.written} figures of windows that are still open")
        kept = _keep(figures.where(~is_whole), job, context, repair)
    finally:
        figures.unpersist()
    result = contract(job.result)
    since = max(oldest.astimezone(UTC), whole_since or oldest.astimezone(UTC))
    first = generations.version(generation, 0)
    removed = remove_older(context.es, result.alias, result.time, since, first, job.part)
    tell(f"{kept} kept as they were, {removed} removed that the job no longer makes")
    return Rebuilt(generation, written.written + opened.written, kept, removed)


def _write(figures: DataFrame, which: Column, job: Job, context: Context, version: int) -> Written:
    docs = documents(figures.where(which), contract(job.result))
    return write(docs, context.endpoints, job.name, version)


def _keep(partial: DataFrame, job: Job, context: Context, version: int) -> int:
    """Figures of which only a part of the events is left: what is there is better, where something is."""
    rows = documents(partial, contract(job.result)).toLocalIterator()
    return keep_older(context.es, (Action(r["index"], r["id"], version, r["source"].encode()) for r in rows))


@contextmanager
def _told(spark: SparkSession, tell: Tell) -> Iterator[None]:
    """Tell from time to time how many of Spark's tasks are done."""
    tracker, over = spark.sparkContext.statusTracker(), threading.Event()

    def watch() -> None:
        while not over.wait(TOLD_EVERY_SECONDS):
            stages = [s for n in tracker.getActiveStageIds() if (s := tracker.getStageInfo(n))]
            if stages:
                tell(
                    f"computing, {sum(s.numCompletedTasks for s in stages)} of {sum(s.numTasks for s in stages)} tasks"
                )

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
