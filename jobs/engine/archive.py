"""Carries every accepted event from Kafka into the archive, in large portions and long after those who watch saw it.

It has no checkpoint: a table's own commits say up to where it has its topic, so a portion is there whole and once,
whenever the driver ends. What cannot be decoded is not archived; the query of the observations makes letters of it.
"""

from __future__ import annotations

import threading
import time
from contextlib import AbstractContextManager

import structlog
from confluent_kafka import KafkaException
from pyspark import InheritableThread
from pyspark.sql import SparkSession

from jobs.engine.compaction import appends_since_compaction, compact
from jobs.engine.context import Context
from jobs.engine.past import Past
from jobs.engine.session import compiled
from jobs.engine.tables import ArchiveMismatchError, Reached, Table
from runtime import metrics
from runtime.kafka import Held, Offsets, held
from runtime.local.folders import locked
from schemas import Kind, contracts

log = structlog.get_logger()

NAME = "archive"
LOOK_SECONDS = 30.0
# A table gets its events when there are many, or after a while: small files cost later, and Kafka keeps them meanwhile.
ENOUGH_RECORDS = 100_000
MAX_WAIT_SECONDS = 600.0
PORTION_RECORDS = 200_000  # so that the cores are free for others in between
APPENDS_BETWEEN_COMPACTIONS = 48
END_SECONDS = 10.0


def event_tables(spark: SparkSession, context: Context) -> list[Table]:
    """The tables of all event contracts; they need not exist."""
    return [Table(spark, c, context.archive) for c in contracts().values() if c.kind is Kind.EVENT]


class Archive:
    """The tables of all event contracts, filled from Kafka."""

    def __init__(self, spark: SparkSession, context: Context) -> None:
        self._spark, self._context = compiled(spark), context
        self._tables = event_tables(self._spark, context)
        self._reached: dict[str, Reached] = {}  # as last seen, by table: enough to tell whether it is time
        self._appended_at = dict.fromkeys((t.identifier for t in self._tables), time.monotonic())
        self._stop = threading.Event()
        self._thread = InheritableThread(target=self._run, name=NAME, daemon=True)

    def carry(self) -> None:
        """Append all that Kafka has beyond the tables.

        Raises:
            ArchiveMismatchError: a contract has changed in a way that its table cannot follow; the others are filled.
        """
        refused = []
        for table, topic in self._topics():
            try:
                if self._waiting(table, topic):
                    self._fill(table, topic)
            except ArchiveMismatchError as e:
                refused.append(e)
        if refused:
            raise refused[0]

    def __enter__(self) -> Archive:
        """Carry from time to time, beside the queries."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Carry no more; what is half done no reader sees."""
        self._stop.set()
        self._thread.join(END_SECONDS)

    def _run(self) -> None:
        self._spark.sparkContext.setLocalProperty("spark.scheduler.pool", NAME)
        while not self._stop.wait(LOOK_SECONDS):
            try:
                self._look()
            except KafkaException as e:
                log.error("archive.kafka_does_not_answer", reason=str(e))

    def _look(self) -> None:
        """Fill the tables for which it is time; one that fails is tried again at the next look, and holds up no other.

        Raises:
            confluent_kafka.KafkaException: Kafka does not say what it holds.
        """
        for table, topic in self._topics():
            name = table.contract.name
            try:
                if self._is_time(table, self._waiting(table, topic)):
                    self._fill(table, topic)
            except ArchiveMismatchError as e:
                metrics.ARCHIVE_FAILURES.labels(event=name, reason="mismatch").inc()
                log.error("archive.refused", contract=name, reason=str(e))
            except Exception as e:  # of Spark, Iceberg, its store, the registry: meanwhile Kafka keeps the events
                metrics.ARCHIVE_FAILURES.labels(event=name, reason="failure").inc()
                log.exception("archive.failed", contract=name, reason=str(e)[:500])

    def _topics(self) -> list[tuple[Table, Held]]:
        topics = held(self._context.endpoints.kafka_bootstrap, [t.contract.topic for t in self._tables])
        return [(table, topics[table.contract.topic]) for table in self._tables]

    def _waiting(self, table: Table, topic: Held) -> int:
        """Number of records that the table does not have."""
        waiting = records(self._past(table, topic, self._reached.get(table.identifier)).waiting, topic.end)
        metrics.ARCHIVE_WAITING.labels(event=table.contract.name).set(waiting)
        return waiting

    def _past(self, table: Table, topic: Held, known: Reached | None = None) -> Past:
        """Where a table stands; asked of the table itself where that is not known."""
        if table.identifier not in self._reached:
            table.prepare()
        if known is None or known.topic_id != topic.topic_id:
            known = self._reached[table.identifier] = table.reached(topic.topic_id)
        return Past(self._spark, table.contract, self._context, table, known, topic)

    def _is_time(self, table: Table, waiting: int) -> bool:
        waited = time.monotonic() - self._appended_at[table.identifier]
        return waiting >= ENOUGH_RECORDS or (waiting > 0 and waited >= MAX_WAIT_SECONDS)

    def _fill(self, table: Table, topic: Held) -> None:
        """Append a topic's portions until the table has it all."""
        waiting = 1
        while waiting and not self._stop.is_set():
            with writing(self._context):
                waiting = self._append(table, self._past(table, topic))
        self._appended_at[table.identifier] = time.monotonic()
        if appends_since_compaction(table) >= APPENDS_BETWEEN_COMPACTIONS and not self._stop.is_set():
            with writing(self._context):
                compact(table, table.reached(topic.topic_id))

    def _append(self, table: Table, past: Past) -> int:
        """Append the next portion; how many records wait behind it."""
        starts, ends = past.waiting, portion(past.waiting, past.held.end, PORTION_RECORDS)
        reached = Reached(past.held.topic_id, ends, past.missing_before)
        if reached.missing_before != past.reached.missing_before:
            log.error("archive.records_missing", contract=table.contract.name, before=str(reached.missing_before))
        table.append(past.events_between(starts, ends), reached)
        self._reached[table.identifier] = reached
        behind = records(ends, past.held.end)
        metrics.ARCHIVE_RECORDS.labels(event=table.contract.name).inc(records(starts, ends))
        metrics.ARCHIVE_WAITING.labels(event=table.contract.name).set(behind)
        return behind


def writing(context: Context) -> AbstractContextManager[None]:
    """The right to write: a catalog that is a folder cannot judge between the commits of two processes."""
    return locked(context.state / "archive.lock")


def records(starts: Offsets, ends: Offsets) -> int:
    """Number of records between offsets."""
    return sum(end - starts[p] for p, end in ends.items())


def portion(starts: Offsets, ends: Offsets, limit: int) -> Offsets:
    """Offsets about ``limit`` records after the starts, each partition's share being that of what it has."""
    every = records(starts, ends)
    if every <= limit:
        return ends
    return {p: starts[p] + max(min(1, end - starts[p]), (end - starts[p]) * limit // every) for p, end in ends.items()}
