"""Events from Kafka as rows: live as a stream, or the past as a batch, through the same decoding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from jobs.engine.decoding import decoded, is_sound
from schemas import Contract

# Connectors refuse times in the future; this holds for whoever writes to the topic directly. One such row would close
# every window.
FUTURE_TOLERANCE = "INTERVAL 1 HOUR"
# A batch reads up to offsets that are there already, so no fetch has to wait for more; with Kafka's 500 ms it does.
FETCH_WAIT_MS = 10


def live(spark: SparkSession, bootstrap: str, topics: list[str], max_offsets: int) -> DataFrame:
    """The messages of topics as a stream, from the oldest that Kafka has."""
    return (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", bootstrap)
        .option("subscribe", ",".join(topics))
        .option("startingOffsets", "earliest")
        .option("maxOffsetsPerTrigger", max_offsets)
        .option("failOnDataLoss", "true")
        .option("kafka.fetch.max.wait.ms", FETCH_WAIT_MS)
        .load()
    )


def between(spark: SparkSession, bootstrap: str, topic: str, starts: str, ends: str) -> DataFrame:
    """The messages of a topic from offsets up to others, both as a checkpoint holds them."""
    return (
        spark.read.format("kafka")
        .option("kafka.bootstrap.servers", bootstrap)
        .option("subscribe", topic)
        .option("startingOffsets", starts)
        .option("endingOffsets", ends)
        .load()
    )


def events(messages: DataFrame, contract: Contract, writers: Mapping[int, Mapping[str, Any]]) -> DataFrame:
    """The events in messages, with the columns of the contract; what cannot be decoded is not among them.

    The query that indexes observations reads the same messages and makes dead letters of those.
    """
    # A generator, because Spark would push the conditions below through a projection, and decode once for each of them.
    event = messages.select(F.explode(F.array(decoded(contract, writers))).alias("event"), "timestamp")
    in_time = F.col("event.observed_at") <= F.col("timestamp") + F.expr(FUTURE_TOLERANCE)
    return event.where(is_sound("event", contract) & in_time).select(*(f"event.{f.name}" for f in contract.fields))
