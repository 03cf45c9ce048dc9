"""A job over the past: the same function as a batch over what Kafka holds, written over what Elasticsearch has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from jobs.engine import source
from jobs.engine.context import Context
from jobs.engine.sink import Written, documents, write
from jobs.job import Job
from runtime.elastic import generations
from schemas import contract

# An observation cannot arrive before it is made, but clocks differ: the connectors' tolerance, doubled.
CLOCK_TOLERANCE = timedelta(minutes=20)


@dataclass(frozen=True)
class Span:
    """Windows that lie wholly in [start, end), event time, UTC."""

    start: datetime
    end: datetime


def figures(spark: SparkSession, job: Job, context: Context, span: Span | None = None) -> DataFrame:
    """A job's results as a batch over the topic: of all windows, or of those in a span."""
    rows = _events(spark, job, context, span)
    if span is None:
        return rows.transform(job.transform)
    whole = (F.col("window_start") >= F.lit(span.start)) & (F.col("window_end") <= F.lit(span.end))
    return rows.where(F.col("observed_at") < F.lit(span.end + job.lookahead)).transform(job.transform).where(whole)


def replay(spark: SparkSession, job: Job, context: Context, span: Span) -> Written:
    """Compute a span's windows again and write them, above every live batch.

    Windows that live events may still change are left to the live query: what a replay writes no live batch puts back.
    """
    newest = _events(spark, job, context, span).agg(F.max("observed_at")).collect()[0][0]
    if newest is None:
        return Written(0, 0, 0)
    closed = min(span.end, newest.astimezone(UTC) - job.lateness - job.lookahead)
    results = documents(figures(spark, job, context, Span(span.start, closed)), contract(job.result))
    generation = generations.current(context.es, job.name)
    number = generations.repair_version(generation, generations.next_repair(context.es, job.name))
    return write(results, context.endpoints, job.name, number)


def _events(spark: SparkSession, job: Job, context: Context, span: Span | None) -> DataFrame:
    event = contract(job.reads)
    since = span.start - job.lookback - CLOCK_TOLERANCE if span else None
    messages = source.past(spark, context.endpoints.kafka_bootstrap, event.topic, since)
    rows = source.events(messages, event, context.writers(event))
    return rows.where(F.col("observed_at") >= F.lit(span.start - job.lookback)) if span else rows
