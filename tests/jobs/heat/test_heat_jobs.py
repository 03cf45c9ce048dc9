"""The three heat jobs in Spark: the contract's columns, any order, repeats, and live equal to a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from jobs.engine.rows import struct_of
from jobs.heat_island_hourly import JOB as HOURLY
from jobs.heat_island_map import JOB as MAP
from jobs.heat_island_nightly import JOB as NIGHTLY
from jobs.job import Job
from schemas import contract
from tests.frames import frame

# PySpark leaves the sockets of `collect` to the garbage collector
pytestmark = [pytest.mark.spark, pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")]

Event = dict[str, Any]
City = Callable[..., list[Event]]
Documents = Mapping[tuple[Any, ...], dict[str, Any]]
WEATHER = contract("weather_observed")
JOBS = [HOURLY, NIGHTLY, MAP]
STARTS = {HOURLY: datetime(2026, 7, 14, 19, tzinfo=UTC), MAP: datetime(2026, 7, 14, 19, tzinfo=UTC)}


@pytest.fixture
def events(make_city: City, job: Job) -> list[Event]:
    """Three hours, or an evening and a night, of two communes; with a wrong value, a correction and a silent sensor."""
    start = STARTS.get(job, datetime(2026, 7, 14, 16, 30, tzinfo=UTC))
    hours = 3 if job in STARTS else 14
    minutes = 15 if job in STARTS else 30
    events = make_city(start=start, hours=hours, minutes=minutes, stations=16, references=3, noise=0.2)
    other = make_city(start=start, hours=hours, minutes=minutes, stations=4, references=1, seed=5)
    events += [e | {"tenant": "blagnac"} for e in other]
    events[2]["temperature_celsius"] = 58.0
    events[3]["relative_humidity_ratio"] = None
    events[9]["location"] = None
    events[11]["flags"] = ["stale"]
    corrected = {"temperature_celsius": None, "ingested_at": events[5]["ingested_at"] + timedelta(hours=1)}
    return [*events, events[5] | corrected]


def documents(result: DataFrame, job: Job) -> dict[tuple[Any, ...], dict[str, Any]]:
    rows = [row.asDict(recursive=True) for row in result.collect()]
    by_key = {tuple(row[k] for k in contract(job.result).key): row for row in rows}
    assert len(by_key) == len(rows)
    return by_key


def mixed(events: list[Event]) -> list[Event]:
    """All of them in another order, a third of them twice."""
    again = events[::3]
    order = np.random.default_rng(4).permutation(len(events) + len(again))
    return [(events + again)[i] for i in order]


@pytest.mark.parametrize("job", JOBS, ids=lambda j: j.name)
def test_columns_are_the_contracts_and_repeats_change_nothing(
    spark: SparkSession, job: Job, events: list[Event]
) -> None:
    result = frame(spark, WEATHER, events).transform(job.transform)
    assert [(f.name, f.dataType) for f in result.schema] == [
        (f.name, f.dataType) for f in struct_of(contract(job.result))
    ]
    once = documents(result, job)
    assert {key[0] for key in once} == {"toulouse", "blagnac"}
    assert not any(v != v for row in once.values() for v in row.values())  # no NaN
    assert documents(frame(spark, WEATHER, mixed(events)).transform(job.transform), job) == once


@pytest.mark.parametrize("job", JOBS, ids=lambda j: j.name)
def test_live_results_equal_the_batch_whatever_the_arrivals(
    spark: SparkSession, job: Job, events: list[Event], tmp_path: Path
) -> None:
    arrivals = tmp_path / "arrivals"
    shuffled = mixed(events)
    parts = [shuffled[i::3] for i in range(3)]
    live: dict[tuple[Any, ...], dict[str, Any]] = {}

    def keep(batch: DataFrame, _: int) -> None:
        live.update(documents(batch, job))

    frame(spark, WEATHER, []).write.parquet(str(arrivals))
    source = spark.readStream.schema(struct_of(contract(job.reads))).parquet(str(arrivals))
    figures = source.withWatermark("observed_at", f"{int(job.lateness.total_seconds())} seconds").transform(
        job.transform
    )
    query = (
        figures.writeStream.outputMode("update")
        .foreachBatch(keep)
        .option("checkpointLocation", str(tmp_path / "checkpoint"))
        .start()
    )
    try:
        for part in parts:
            frame(spark, WEATHER, part).coalesce(1).write.mode("append").parquet(str(arrivals))
            query.processAllAvailable()
    finally:
        query.stop()
    assert live == documents(frame(spark, WEATHER, events).transform(job.transform), job)
