"""A job over the past: the same function as a batch over all that is kept, written over what Elasticsearch has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from jobs.engine.context import Context
from jobs.engine.past import CLOCK_TOLERANCE, Past
from jobs.engine.sink import Written, documents, write
from jobs.job import Job
from runtime.elastic import generations
from schemas import contract

log = structlog.get_logger()


class NothingKeptError(LookupError):
    """Neither the archive nor Kafka has all that the windows asked for stand on."""


@dataclass(frozen=True)
class Span:
    """Windows that lie wholly in [start, end), event time, UTC."""

    start: datetime
    end: datetime


def figures(spark: SparkSession, job: Job, context: Context, span: Span | None = None) -> DataFrame:
    """A job's results as a batch over the past: of all windows, or of those in a span."""
    return of_past(Past.of(spark, contract(job.reads), context), job, span)


def replay(spark: SparkSession, job: Job, context: Context, span: Span) -> Written:
    """Compute a span's windows again and write them, above every live batch.

    Windows that live events may still change are left to the live query: what a replay writes no live batch puts back.
    Windows of which a part is no longer kept are left as they are.

    Raises:
        NothingKeptError: no window of the span is kept whole; says which is the first that is.
    """
    past = Past.of(spark, contract(job.reads), context)
    kept = kept_span(past, job, span)
    newest = past.newest(kept.start - job.lookback)
    if newest is None:
        return Written(0, 0, 0)
    closed = min(kept.end, newest - job.lateness - job.lookahead)
    return write_repaired(of_past(past, job, Span(kept.start, closed)), job, context)


def write_repaired(results: DataFrame, job: Job, context: Context) -> Written:
    """Write results over those of every live batch of the job's generation, and of every replay before."""
    generation = generations.current(context.es, job.name)
    number = generations.repair_version(generation, generations.next_repair(context.es, job.name))
    return write(documents(results, contract(job.result)), context.endpoints, job.name, number)


def of_past(past: Past, job: Job, span: Span | None) -> DataFrame:
    """A job's results over a past: of all windows, or of those in a span."""
    if span is None:
        return past.events().transform(job.transform)
    whole = (F.col("window_start") >= F.lit(span.start)) & (F.col("window_end") <= F.lit(span.end))
    rows = past.events(span.start - job.lookback, span.end + job.lookahead)
    return rows.transform(job.transform).where(whole)


def kept_span(past: Past, job: Job, span: Span) -> Span:
    """The part of a span whose windows stand on events that are all kept.

    Raises:
        NothingKeptError: there is none; says which is the first window that is kept whole.
    """
    missing = past.missing_before
    if missing is None or span.start >= (first := missing + CLOCK_TOLERANCE + job.lookback):
        return span
    if first >= span.end:
        raise NothingKeptError(
            f"{job.name}: the windows asked for end at {span.end.isoformat(timespec='minutes')}, and archive and Kafka "
            f"have all of {job.reads} only since {missing.isoformat(timespec='minutes')}"
        )
    log.warning("replay.starts_later", job=job.name, asked=span.start.isoformat(), kept_since=first.isoformat())
    return Span(first, span.end)
