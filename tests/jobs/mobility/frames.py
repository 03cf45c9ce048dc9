"""Events as frames and results as documents, for the tests of the mobility jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from jobs.engine.rows import struct_of
from jobs.job import Job
from schemas import contract
from tests.frames import frame

Event = dict[str, Any]
Document = dict[str, Any]
Documents = Mapping[tuple[Any, ...], Document]


def at(clock: str) -> datetime:
    """A time of one day, from ``10:05`` or ``10:05:30``, UTC."""
    return datetime.fromisoformat(f"2026-07-14T{clock}+00:00")


def event(entity: str, time: str | datetime, **values: Any) -> Event:
    """An observation, taken in three seconds later."""
    observed = at(time) if isinstance(time, str) else time
    return {
        "tenant": "toulouse",
        "entity_id": entity,
        "observed_at": observed,
        "ingested_at": observed + timedelta(seconds=3),
        "feed": "test",
        "flags": [],
        **values,
    }


def documents(result: DataFrame, job: Job) -> dict[tuple[Any, ...], Document]:
    """The rows of a result by the contract's key, each of which there is once; times are aware, UTC."""
    rows = [{k: _aware(v) for k, v in row.asDict(recursive=True).items()} for row in result.collect()]
    by_key = {tuple(row[k] for k in contract(job.result).key): row for row in rows}
    assert len(by_key) == len(rows)
    return by_key


def batch(spark: SparkSession, job: Job, events: Iterable[Event]) -> dict[tuple[Any, ...], Document]:
    """What a job makes of events, all at once."""
    return documents(frame(spark, contract(job.reads), events).transform(job.transform), job)


def by_window(docs: Documents) -> dict[tuple[str, str], Document]:
    """Documents by entity and start of the window, such as ``10:05``."""
    return {(d["entity_id"], f"{d['window_start']:%H:%M}"): d for d in docs.values()}


def live(spark: SparkSession, job: Job, arrivals: Sequence[Sequence[Event]], folder: Path) -> Documents:
    """What is left of a job's updates after the arrivals, one micro-batch each, as the sink would have it."""
    source, kept = folder / "arrivals", dict[tuple[Any, ...], Document]()
    frame(spark, contract(job.reads), []).write.parquet(str(source))
    rows = spark.readStream.schema(struct_of(contract(job.reads))).parquet(str(source))
    figures = rows.withWatermark("observed_at", f"{job.lateness.total_seconds():.0f} seconds").transform(job.transform)
    query = (
        figures.writeStream.outputMode("update")
        .foreachBatch(lambda changed, _: kept.update(documents(changed, job)))
        .option("checkpointLocation", str(folder / "checkpoint"))
        .start()
    )
    try:
        for arrival in arrivals:
            frame(spark, contract(job.reads), arrival).coalesce(1).write.mode("append").parquet(str(source))
            query.processAllAvailable()
    finally:
        query.stop()
    return kept


def _aware(value: Any) -> Any:
    # Spark gives times as naive ones of this process's zone
    return value.astimezone(UTC) if isinstance(value, datetime) else value
