"""Bike stations by 15 minutes: `bike_station_observed` comes in, `bike_availability` goes out."""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from jobs.indicators.windows import Windows, collected, distinct, flag, flags, mean, newest, share
from jobs.job import Job

WINDOWS = Windows(timedelta(minutes=15))
SLOT_MINUTES = 5  # stations are expected to report at least this often
SLOTS = 3
FIELDS = ("bikes_available", "docks_available", "is_installed", "is_renting", "is_returning")


def bike_availability(observed: DataFrame) -> DataFrame:
    """Mean bikes and docks of each station, and how often there was one, by 15 minutes of event time, UTC."""
    return (
        observed.transform(WINDOWS.assign)
        .groupBy("tenant", "entity_id", "span")
        .agg(
            newest("name", "location", "capacity").alias("last"),
            collected(*FIELDS, "flags").alias("seen"),
            F.max("ingested_at").alias("last_ingested_at"),
        )
        .transform(distinct, "seen", "observed_at")
        .transform(_means)
        .transform(_figures)
    )


def _means(grouped: DataFrame) -> DataFrame:
    chances = F.transform(
        "seen",
        lambda r: F.struct(
            _usable(r["bikes_available"], r["is_renting"]).alias("bike"),
            _usable(r["docks_available"], r["is_returning"]).alias("dock"),
        ),
    )
    slots = F.array_distinct(F.transform("seen", lambda r: F.floor(F.minute(r["observed_at"]) / SLOT_MINUTES)))
    return grouped.select(
        "*",
        mean("seen", "bikes_available").alias("bikes"),
        mean("seen", "docks_available").alias("docks"),
        share(chances, "bike").alias("bike_availability_ratio"),
        share(chances, "dock").alias("dock_availability_ratio"),
        (F.size(slots) / SLOTS).alias("coverage_ratio"),
    )


def _figures(averaged: DataFrame) -> DataFrame:
    known = F.col("bikes") + F.col("docks")
    capacity = F.col("last.capacity")
    return averaged.select(
        "tenant",
        "entity_id",
        WINDOWS.start.alias("window_start"),
        WINDOWS.end.alias("window_end"),
        F.col("last.name").alias("name"),
        F.col("last.location").alias("location"),
        capacity.cast("long").alias("capacity"),
        F.col("bikes").alias("mean_bikes_available"),
        F.col("docks").alias("mean_docks_available"),
        "bike_availability_ratio",
        "dock_availability_ratio",
        F.try_divide(F.col("bikes") - F.col("docks"), known).alias("imbalance_ratio"),
        F.size("seen").cast("long").alias("observations_count"),
        "coverage_ratio",
        flags(
            F.flatten("seen.flags"),
            flag("not_installed", F.exists("seen", lambda r: ~r["is_installed"])),
            flag("counts_exceed_capacity", known > capacity),
        ).alias("flags"),
        "last_ingested_at",
    )


def _usable(count: Column, allowed: Column) -> Column:
    """Whether there is one to use; null when the count is unknown."""
    return (count > 0) & F.coalesce(allowed, F.lit(True))


JOB = Job(
    name="bike_availability",
    reads="bike_station_observed",
    result="bike_availability",
    transform=bike_availability,
    window=WINDOWS.length,
    lateness=timedelta(hours=6),
    freshness=timedelta(seconds=30),
)
