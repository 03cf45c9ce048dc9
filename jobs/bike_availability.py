"""Bike stations by 15 minutes: `bike_station_observed` comes in, `bike_availability` goes out."""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from jobs.indicators.windows import Windows, collected, distinct, flag, flags, mean, newest, share
from jobs.job import Counted, Job

WINDOWS = Windows(timedelta(minutes=15))
SLOT_MINUTES = 5  # a station is expected to be seen once in each


def bike_availability(observed: DataFrame) -> DataFrame:
    """Mean bikes and docks, and how often there was one, for each station by 15 minutes of event time, UTC."""
    return (
        observed.transform(_with_availability)
        .transform(WINDOWS.assign)
        .groupBy("tenant", "entity_id", "span")
        .agg(
            collected("bikes_available", "docks_available", "has_bike", "has_dock", "flags").alias("seen"),
            newest("name", "location", "capacity").alias("last"),
            F.max("ingested_at").alias("last_ingested_at"),
        )
        .transform(distinct, "seen", "observed_at")
        .withColumn("bikes", mean("seen", "bikes_available"))
        .withColumn("docks", mean("seen", "docks_available"))
        .transform(_document)
    )


def _with_availability(observed: DataFrame) -> DataFrame:
    """Whether there is a bike to take and a dock to give it back; a station that says nothing else is open."""
    is_installed, is_renting, is_returning = (
        F.coalesce(name, F.lit(True)) for name in ("is_installed", "is_renting", "is_returning")
    )
    places = sum(
        (F.coalesce(name, F.lit(0)) for name in ("docks_available", "bikes_disabled", "docks_disabled")),
        F.coalesce("bikes_available", F.lit(0)),
    )
    return observed.withColumns(
        {
            "has_bike": (F.col("bikes_available") >= 1) & is_installed & is_renting,
            "has_dock": (F.col("docks_available") >= 1) & is_installed & is_returning,
            "flags": F.concat(
                "flags",
                flag("not_installed", ~is_installed),
                flag("counts_exceed_capacity", places > F.col("capacity")),
            ),
        }
    )


def _document(grouped: DataFrame) -> DataFrame:
    slots = F.transform("seen", lambda row: F.floor(F.minute(row["observed_at"]) / SLOT_MINUTES))
    expected = WINDOWS.length / timedelta(minutes=SLOT_MINUTES)
    return grouped.select(
        "tenant",
        "entity_id",
        WINDOWS.start.alias("window_start"),
        WINDOWS.end.alias("window_end"),
        "last.name",
        "last.location",
        F.col("last.capacity").cast("long").alias("capacity"),
        F.col("bikes").alias("mean_bikes_available"),
        F.col("docks").alias("mean_docks_available"),
        share("seen", "has_bike").alias("bike_availability_ratio"),
        share("seen", "has_dock").alias("dock_availability_ratio"),
        F.try_divide(F.col("bikes") - F.col("docks"), F.col("bikes") + F.col("docks")).alias("imbalance_ratio"),
        F.size("seen").cast("long").alias("observations_count"),
        (F.size(F.array_distinct(slots)) / expected).alias("coverage_ratio"),
        flags(F.flatten("seen.flags")).alias("flags"),
        "last_ingested_at",
    )


JOB = Job(
    name="bike_availability",
    reads="bike_station_observed",
    result="bike_availability",
    transform=bike_availability,
    window=WINDOWS.length,
    lateness=timedelta(hours=6),
    freshness=timedelta(seconds=65),
    counted=Counted(),
)
