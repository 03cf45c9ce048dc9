"""Throughput on this machine, with real servers: connectors into Kafka, Spark in a replay, documents written.

Each figure stands beside its ceiling: what the same machine did with nothing but the library in a loop.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from confluent_kafka import Producer
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from rich.table import Table

from connectors.feed import load_feed
from connectors.runner import ingest
from garonne.metrics_view import total
from garonne.submit import JVM_OPTIONS, SPARK_JAVA
from jobs.engine.context import Context
from jobs.engine.replay import figures
from jobs.engine.runner import drain
from jobs.engine.session import session
from jobs.engine.sink import documents, write
from jobs.engine.streams import job_query
from jobs.job import all_jobs
from runtime import metrics
from runtime.avro import encoder
from runtime.local import spark_jars, stack
from runtime.local.java import java_for
from runtime.settings import Settings, settings
from schemas import contract

CONNECTOR_RECORDS = 200_000
PARKING_EVENTS = 1_000_000
SITES = 1_000
DOCUMENTS = 300_000
START = datetime(2026, 7, 14, tzinfo=UTC)
FEED = """
tenant: bench
event: traffic_flow_observed
title: Traffic counts as CSV
transport: {{kind: files, folder: {folder}, pattern: "*.csv", period_seconds: 0.2, settle_seconds: 0}}
format:
  kind: csv_records
  delimiter: ";"
  entity_id: {{from: segment}}
  observed_at: {{from: time, format: iso}}
  fields:
    intensity_vehicles: {{from: vehicles}}
    period_seconds: {{from: seconds}}
    average_speed_km_per_h: {{from: speed, decimal: ","}}
"""


@dataclass(frozen=True)
class Figure:
    """One measurement, beside what the library alone does."""

    what: str
    count: int
    seconds: float
    ceiling: str


def measured() -> tuple[Table, bool]:
    """All measurements, on servers of their own; there are no limits that could be missed."""
    own = Settings(GARONNE_STATE=settings().state / "bench")
    stack.reset(own)
    try:
        context = Context(stack.up(own), own.state)
        context.prepare()
        found = [connectors(context, own), *spark_and_elasticsearch(context, own)]
    finally:
        stack.reset(own)
    table = Table("what", "count", "seconds", "per second", "ceiling per second")
    for f in found:
        table.add_row(f.what, f"{f.count:,}", f"{f.seconds:.1f}", f"{f.count / f.seconds:,.0f}", f.ceiling)
    return table, True


def connectors(context: Context, own: Settings) -> Figure:
    """Records of a CSV feed: read, decoded, judged, compared, encoded and acknowledged by Kafka; one process."""
    with tempfile.TemporaryDirectory() as folder:
        drop, feed = Path(folder) / "drop", Path(folder) / "bench-traffic.yaml"
        drop.mkdir()
        feed.write_text(FEED.format(folder=drop), encoding="utf-8")
        rows = (
            f"segment-{n % 500};{(START + timedelta(minutes=n // 500)).isoformat()};{n % 40};60;{20 + n % 30},5\n"
            for n in range(CONNECTOR_RECORDS)
        )
        (drop / "counts.csv").write_text("segment;time;vehicles;seconds;speed\n" + "".join(rows), encoding="utf-8")
        seconds = asyncio.run(_ingested(feed, context, own))
    return Figure("connector, CSV feed into Kafka (records)", CONNECTOR_RECORDS, seconds, "180,000 serialise + produce")


async def _ingested(feed: Path, context: Context, own: Settings) -> float:
    stop = asyncio.Event()
    begun = time.perf_counter()
    task = asyncio.create_task(ingest([load_feed(feed)], context.endpoints, own, stop))
    while _accepted() < CONNECTOR_RECORDS and not task.done():
        await asyncio.sleep(0.05)
    seconds = time.perf_counter() - begun
    stop.set()
    await task
    return seconds


def _accepted() -> float:
    samples = [s for family in metrics.FEED_RECORDS.collect() for s in family.samples]
    return total(samples, "garonne_feed_records_total", outcome="accepted")  # type: ignore[arg-type]


def spark_and_elasticsearch(context: Context, own: Settings) -> Iterator[Figure]:
    """The parking job over a topic, as a batch and as a stream, and documents alone."""
    _produce_parking(context)
    job = all_jobs()["parking_by_site"]
    with _session(own) as spark:
        noop: Callable[[DataFrame], None] = lambda df: df.write.format("noop").mode("overwrite").save()  # noqa: E731
        first = _seconds(lambda: noop(figures(spark, job, context)))
        warm = _seconds(lambda: noop(figures(spark, job, context)))
        ceiling = "325,000 – 682,000 window count"
        yield Figure("Spark, parking job in a replay, fresh JVM (rows)", PARKING_EVENTS, first, "180,000 – 260,000")
        yield Figure("Spark, parking job in a replay, warm (rows)", PARKING_EVENTS, warm, ceiling)
        results = documents(figures(spark, job, context), contract(job.result)).count()
        whole = _seconds(lambda: _write(figures(spark, job, context), context, job.result))
        yield Figure("the same, and its results into Elasticsearch (rows)", PARKING_EVENTS, whole, "")
        streamed = _seconds(lambda: drain([job_query(spark, job, context)]))
        yield Figure(f"the same as a stream, {results:,} windows (rows)", PARKING_EVENTS, streamed, "184,000 – 331,000")
        seconds = _seconds(lambda: _write(_weather(spark), context, "weather_observed"))
        yield Figure("documents into Elasticsearch (documents)", DOCUMENTS, seconds, "29,000 – 32,000 new")
        seconds = _seconds(lambda: _write(_weather(spark), context, "weather_observed"))
        yield Figure("the same again, warm (documents)", DOCUMENTS, seconds, "45,000 – 75,000 again")


def _produce_parking(context: Context) -> None:
    c = contract("parking_observed")
    encode = encoder(c, context.registry.register(c))
    producer = Producer({"bootstrap.servers": context.endpoints.kafka_bootstrap, "linger.ms": 50})
    for n in range(PARKING_EVENTS):
        site, time_ = n % SITES, START + timedelta(minutes=n // SITES)
        occupied = (n * 7919) % 300
        event = {
            "tenant": "bench",
            "entity_id": f"site-{site}",
            "observed_at": time_,
            "ingested_at": time_ + timedelta(seconds=2),
            "feed": "bench",
            "area_type": "site",
            "total_spaces": 300,
            "occupied_spaces": occupied,
            "free_spaces": 300 - occupied,
            "arrivals_count": n % 5,
            "departures_count": n % 4,
            "counting_interval_seconds": 60.0,
        }
        producer.produce(c.topic, encode(event), f"bench/site-{site}")
        if n % 1000 == 0:
            producer.poll(0)
        while len(producer) > 50_000:
            producer.poll(0.1)
    producer.flush(120)


def _weather(spark: SparkSession) -> DataFrame:
    """Nine fields a document, as in the ceiling."""
    n = F.col("id")
    return spark.range(DOCUMENTS).select(
        F.lit("bench").alias("tenant"),
        F.concat(F.lit("s-"), n % 500).alias("entity_id"),
        (F.lit(START) + F.make_interval(mins=(n / 500).cast("int"))).alias("observed_at"),
        F.lit(START).alias("ingested_at"),
        F.lit("bench").alias("feed"),
        F.array().cast("array<string>").alias("flags"),
        (n % 30).cast("double").alias("temperature_celsius"),
        F.lit(0.5).alias("relative_humidity_ratio"),
        F.lit(150.0).alias("elevation_m"),
        *[
            F.lit(None).alias(name)
            for name in contract("weather_observed").field_names
            if name
            not in {
                "tenant", "entity_id", "observed_at", "ingested_at", "feed", "flags",
                "temperature_celsius", "relative_humidity_ratio", "elevation_m",
            }
        ],
    )  # fmt: skip


def _write(result: DataFrame, context: Context, name: str) -> None:
    write(documents(result, contract(name)), context.endpoints, "bench", 1)


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


@contextmanager
def _session(own: Settings) -> Iterator[SparkSession]:
    os.environ["JAVA_HOME"] = str(java_for(SPARK_JAVA, "Spark").home)
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    spark = session(
        "garonne-bench",
        {
            "spark.master": "local[2,4]",
            "spark.jars": ",".join(map(str, spark_jars(own))),
            "spark.driver.memory": "2g",
            "spark.driver.extraJavaOptions": JVM_OPTIONS,
        },
    )
    try:
        yield spark
    finally:
        spark.stop()
