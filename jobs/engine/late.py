"""Observations that came when a job had closed their window: found in the checkpoint's own batches, and kept.

Spark drops such rows, and counts them after a partial aggregation. So after a batch that dropped any, its offsets are
read again, and each row that belongs to a window closed by then goes to the topic of the contract `late`, from where
it is indexed, and its window is repaired.
"""

from __future__ import annotations

from collections.abc import Container
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.avro.functions import to_avro

from jobs.engine import source
from jobs.engine.context import Context
from jobs.engine.offsets import Batch, batch, committed
from jobs.engine.rows import struct_of
from jobs.engine.sink import id_column
from jobs.indicators.windows import later
from jobs.job import Job
from runtime import metrics
from runtime.avro import wire_header
from runtime.files import write_atomically
from schemas import Contract, contract

log = structlog.get_logger()

LATE = "late"
MARK = "late.json"


def keep_late(
    spark: SparkSession, job: Job, context: Context, clean: Container[int] = (), up_to: int | None = None
) -> int:
    """Look at the job's committed batches that were not looked at before; the number of late rows that were kept.

    A batch that is known to have dropped nothing (``clean``) is not read. The same batch looked at twice, after a
    crash in between, gives the same records.
    """
    checkpoint = context.checkpoints / job.name
    kept, last = 0, _looked_at(checkpoint)
    for number in committed(checkpoint):
        if number > last and (up_to is None or number <= up_to):
            found = None if number in clean else batch(checkpoint, number)
            kept += _keep(spark, job, context, found) if found else 0
            write_atomically(checkpoint / MARK, str(number))
    return kept


def late_rows(events: DataFrame, job: Job, watermark: datetime) -> DataFrame:
    """Each event once for each window of the job that reads it and that the watermark had closed."""
    span = job.lookback + job.window + job.lookahead
    start, end = later(F.col("span.start"), job.lookback), later(F.col("span.end"), -job.lookahead)
    for name, value in (job.counted.where if job.counted else {}).items():
        events = events.where(F.col(name) == F.lit(value))
    return (
        events.withColumn("span", F.window("observed_at", *map(_text, (span, job.window, job.offset))))
        .where(F.col("span.end") <= F.lit(watermark))
        .select(
            "tenant",
            "feed",
            "entity_id",
            "observed_at",
            start.alias("window_start"),
            end.alias("window_end"),
            ((F.col("observed_at") >= start) & (F.col("observed_at") < end)).alias("is_in_window"),
        )
        .dropDuplicates(["tenant", "entity_id", "observed_at", "window_start"])
    )


def _keep(spark: SparkSession, job: Job, context: Context, looked_at: Batch) -> int:
    """Send a batch's late rows to their topic; how many there were."""
    if looked_at.watermark.timestamp() <= 0:
        return 0
    event, late = contract(job.reads), contract(LATE)
    messages = source.between(spark, context.endpoints.kafka_bootstrap, event.topic, looked_at.starts, looked_at.ends)
    rows = late_rows(source.events(messages, event, context.writers(event)), job, looked_at.watermark)
    said = {
        "job": F.lit(job.name),
        "event": F.lit(job.reads),
        "watermark": F.lit(looked_at.watermark),
        "detected_at": F.lit(looked_at.planned_at),
        "repaired_at": F.lit(None).cast("timestamp"),
        "updated_at": F.lit(looked_at.planned_at),
    }
    records = rows.withColumns(said).select(*struct_of(late).fieldNames()).persist()
    try:
        count = records.count()
        if count:
            _send(records, late, context)
            metrics.QUERY_LATE_ROWS.labels(query=job.name).inc(count)
            log.info("late.kept", query=job.name, batch=looked_at.number, rows=count)
        return count
    finally:
        records.unpersist()


def _send(records: DataFrame, late: Contract, context: Context) -> None:
    header = F.lit(bytearray(wire_header(context.registry.register(late))))
    id_ = id_column(late)
    key = F.concat_ws("/", "tenant", F.expr("substring(id, length(tenant) + 2)"))
    (
        records.select("*", id_.alias("id"))
        .select(
            key.cast("binary").alias("key"),
            F.concat(header, to_avro(F.struct(*records.columns), late.avro_json)).alias("value"),
        )
        .write.format("kafka")
        .option("kafka.bootstrap.servers", context.endpoints.kafka_bootstrap)
        .option("kafka.enable.idempotence", "true")
        .option("topic", late.topic)
        .save()
    )


def _looked_at(checkpoint: Path) -> int:
    path = checkpoint / MARK
    return int(path.read_text(encoding="utf-8")) if path.exists() else -1


def _text(length: timedelta) -> str:
    return f"{round(length.total_seconds())} seconds"
