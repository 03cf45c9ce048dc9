"""All accepted events of a contract, whenever they came: from the archive, and from Kafka what came after it.

Event time decides what belongs to a span, not the time of arrival. An event may be there more than once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from jobs.engine import source
from jobs.engine.context import Context
from jobs.engine.tables import Reached, Table
from runtime.kafka import Held, Offsets, held, offsets_since
from schemas import Contract

# An observation cannot arrive before it is made, but clocks differ: the connectors' tolerance, doubled.
CLOCK_TOLERANCE = timedelta(minutes=20)


@dataclass(frozen=True)
class Past:
    """A contract's events up to the moment it is made: those of the table, and the rest from Kafka."""

    spark: SparkSession
    contract: Contract
    context: Context
    table: Table | None
    reached: Reached
    held: Held

    @classmethod
    def of(cls, spark: SparkSession, contract: Contract, context: Context) -> Past:
        """The past as it is now."""
        # Offsets first: a row that is archived meanwhile is then read twice and not left out.
        topic = held(context.endpoints.kafka_bootstrap, [contract.topic])[contract.topic]
        table = Table(spark, contract, context.archive)
        if not table.exists():
            return cls(spark, contract, context, None, Reached(topic.topic_id, {}), topic)
        return cls(spark, contract, context, table, table.reached(topic.topic_id), topic)

    def events(self, since: datetime | None = None, until: datetime | None = None) -> DataFrame:
        """The events with ``observed_at`` in [since, until), with the columns of the contract, in any order."""
        rows = self.events_between(self._starts(since), self.held.end)
        if self.table is not None:
            rows = self.table.rows().unionByName(rows)
        if since is not None:
            rows = rows.where(F.col("observed_at") >= F.lit(since))
        return rows if until is None else rows.where(F.col("observed_at") < F.lit(until))

    def newest(self, since: datetime) -> datetime | None:
        """The newest event time at or after ``since``; None where there is nothing as new as that."""
        parts = [self.events_between(self._starts(since), self.held.end)]
        parts += [self.table.rows()] if self.table is not None else []
        # apart, since Iceberg knows the answer for a whole table without reading its rows
        found = [part.agg(F.max("observed_at")).collect()[0][0] for part in parts]
        times = [time.astimezone(UTC) for time in found if time]
        return max((time for time in times if time >= since), default=None)

    @property
    def waiting(self) -> Offsets:
        """Of each partition the first offset that is not in the table."""
        reached = {p: max(first, self.reached.offsets.get(p, first)) for p, first in self.held.first.items()}
        return {p: min(offset, self.held.end[p]) for p, offset in reached.items()}

    @property
    def missing_before(self) -> datetime | None:
        """Some of what came before that time is neither in the archive nor in Kafka; None where nothing is missing."""
        starts = {p: first for p, first in self.held.first.items() if self.reached.offsets.get(p, 0) < first}
        known = [self.reached.missing_before] if self.reached.missing_before else []
        if not starts:
            return max(known, default=None)
        if any(first == self.held.end[p] for p, first in starts.items()):
            return datetime.now(UTC)
        oldest = self._messages(starts, {p: first + 1 for p, first in starts.items()}).select("timestamp").collect()
        times: list[datetime] = [row.timestamp.astimezone(UTC) for row in oldest]
        return max([*known, *times])

    def events_between(self, starts: Offsets, ends: Offsets) -> DataFrame:
        """The events that Kafka has between offsets."""
        return source.events(self._messages(starts, ends), self.contract, self.context.writers(self.contract))

    def _messages(self, starts: Offsets, ends: Offsets) -> DataFrame:
        bootstrap, topic = self.context.endpoints.kafka_bootstrap, self.contract.topic
        # Spark wants all partitions; those that are not asked for are empty
        said = [json.dumps({topic: {**self.held.end, **offsets}}) for offsets in (starts, ends)]
        return source.between(self.spark, bootstrap, topic, *said)

    def _starts(self, since: datetime | None) -> Offsets:
        if since is None:
            return self.waiting
        bootstrap, topic = self.context.endpoints.kafka_bootstrap, self.contract.topic
        came = offsets_since(bootstrap, topic, since - CLOCK_TOLERANCE, self.held)
        return {p: max(offset, came[p]) for p, offset in self.waiting.items()}
