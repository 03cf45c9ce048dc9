"""Streaming queries: one for each job, and the one that indexes observations."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from threading import Semaphore
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery
from pyspark.sql.streaming.readwriter import DataStreamWriter

from jobs.engine import observations, source
from jobs.engine.checkpoint import Checkpoint
from jobs.engine.context import Context
from jobs.engine.doubt import Doubt
from jobs.engine.fingerprint import fingerprint
from jobs.engine.recognition import has_begun, opened
from jobs.engine.sink import OUTCOME, Written, documents, settled, write
from jobs.job import Job
from runtime import metrics
from runtime.elastic.generations import version
from runtime.kafka import held
from schemas import Contract, contract, contracts

OBSERVATIONS_MAX_OFFSETS = 30_000  # those who watch wait for a whole batch
# Batches of the jobs take turns: each has the cores to itself, and the observations, which are watched by the second,
# never share them with all of the jobs at once.
TURNS = Semaphore(1)
BatchFunction = Callable[[DataFrame, int], None]


@dataclass(frozen=True)
class Query:
    """A streaming query that can be started, and started again after a failure."""

    name: str
    start: Callable[[bool], StreamingQuery]  # raises RefusedError when it must not go on from its checkpoint
    checkpoint: Checkpoint


def job_query(spark: SparkSession, job: Job, context: Context) -> Query:
    """The query that keeps a job's results up to date."""
    checkpoint = context.checkpoint(job.name)
    doubt = Doubt()

    @lru_cache
    def is_now(columns: tuple[str, ...] | None) -> dict[str, Any]:
        return fingerprint(spark, job, columns)

    def start(available_now: bool) -> StreamingQuery:
        event, result = contract(job.reads), contract(job.result)
        mark = opened(
            checkpoint,
            context.es,
            lambda: held(context.endpoints.kafka_bootstrap, [event.topic]),
            lambda c: is_now(c and tuple(c)),
        )
        messages = source.live(spark, context.endpoints.kafka_bootstrap, [event.topic], context.max_offsets_per_trigger)
        writers = context.writers(event)
        rows = source.events(messages, event, writers)
        figures = rows.withWatermark("observed_at", _interval(job.lateness)).transform(job.transform)

        def write_batch(batch: DataFrame, number: int) -> None:
            if number == 0:
                has_begun(checkpoint)
            _refuse_unknown(event, writers, context)
            at = version(mark.generation, number)
            # in doubt few refused documents stop it, so they are held against the whole batch and not a part of it
            judged = batch.repartition(1) if doubt.is_there else batch
            with TURNS:
                outcome = write(judged, context.endpoints, job.name, at, doubt.breaker_minimum)
            doubt.note(outcome.written + outcome.unchanged, outcome.refused)
            _count(job.name, outcome)

        writer = documents(figures, result).writeStream.outputMode("update")
        return _started(spark, writer, checkpoint, write_batch, job.interval, available_now)

    return Query(job.name, start, checkpoint)


def observations_query(spark: SparkSession, context: Context) -> Query:
    """The query that carries every event to its observation and to its entity's latest state, without pause."""
    checkpoint = context.checkpoint(observations.NAME)
    topics = [c.topic for c in contracts().values() if c.has_topic]

    def start(available_now: bool) -> StreamingQuery:
        opened(checkpoint, context.es, lambda: held(context.endpoints.kafka_bootstrap, topics), None)
        messages = source.live(
            spark,
            context.endpoints.kafka_bootstrap,
            topics,
            min(OBSERVATIONS_MAX_OFFSETS, context.max_offsets_per_trigger),
        )
        index = observations.indexing(context.endpoints, context.schema_cache)
        workers = int(spark.conf.get("spark.sql.shuffle.partitions") or 1)

        def write_batch(batch: DataFrame, number: int) -> None:
            if number == 0:
                has_begun(checkpoint)
            _count(observations.NAME, settled(batch.coalesce(workers).mapInArrow(index, OUTCOME)))

        writer = messages.select(*observations.COLUMNS).writeStream
        return _started(spark, writer, checkpoint, write_batch, timedelta(0), available_now)

    return Query(observations.NAME, start, checkpoint)


def _started(
    spark: SparkSession,
    writer: DataStreamWriter,
    checkpoint: Checkpoint,
    write_batch: BatchFunction,
    interval: timedelta,
    available_now: bool,
) -> StreamingQuery:
    # a pool of its own, so that the scheduler shares the cores between queries and not between tasks
    spark.sparkContext.setLocalProperty("spark.scheduler.pool", checkpoint.query)
    kept = writer.option("checkpointLocation", str(checkpoint.folder)).queryName(checkpoint.query)
    timed = kept.trigger(availableNow=True) if available_now else kept.trigger(processingTime=_interval(interval))
    try:
        return timed.foreachBatch(write_batch).start()
    finally:
        spark.sparkContext.setLocalProperty("spark.scheduler.pool", None)  # type: ignore[arg-type]


class NewSchemaError(RuntimeError):
    """Messages may be written with a schema that came after the query's start; started again, it reads them too."""


def _refuse_unknown(event: Contract, writers: Container[int], context: Context) -> None:
    """Leave a batch undone that the query may not have read whole: a schema is there before the first message with it.

    Raises:
        NewSchemaError: the registry has a schema that the query does not know.
    """
    if new := [number for number in context.writers(event) if number not in writers]:
        raise NewSchemaError(f"{event.subject} has a new schema, number {new[-1]}")


def _count(query: str, outcome: Written) -> None:
    for what in ("written", "unchanged", "refused"):
        metrics.QUERY_DOCUMENTS.labels(query=query, outcome=what).inc(getattr(outcome, what))


def _interval(length: timedelta) -> str:
    return f"{round(length.total_seconds() * 1000)} milliseconds"
