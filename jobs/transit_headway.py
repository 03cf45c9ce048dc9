"""Regularity by line, direction, stop and hour: `vehicle_position` comes in, `transit_headway` goes out.

A passage is the first time a trip is seen standing at a stop. A headway is the time from the passage before it, and
belongs to the hour in which it ends; so an hour reads the hour before as well.
"""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from jobs.indicators.windows import Windows, collected, count, flag, flags, last_of_each, mean, place, total
from jobs.job import Job

WINDOWS = Windows(timedelta(hours=1), lookback=timedelta(hours=1))
BUNCHED_SHARE = 0.25  # of the scheduled headway
KEYS = ("tenant", "line_id", "direction_id", "stop_id")


def transit_headway(positions: DataFrame) -> DataFrame:
    """Headways, waits (s) and bunching of each line at each stop by hour of event time, UTC."""
    return (
        positions.where(
            (F.col("stop_status") == "stopped_at") & F.col("line_id").isNotNull() & F.col("stop_id").isNotNull()
        )
        .withColumn("trip", F.coalesce("trip_id", "entity_id"))
        .transform(WINDOWS.assign)
        .groupBy(*KEYS, "span")
        .agg(
            collected("scheduled_at", "location", "flags", entity="trip").alias("seen"),
            F.max("ingested_at").alias("last_ingested_at"),
        )
        .withColumn("seen", F.sort_array("seen"))
        .withColumn("seen", last_of_each("seen", "trip", "observed_at"))
        .transform(_passages)
        .where(F.size("here") > 0)
        .transform(_headways)
        .transform(_figures)
    )


def _passages(grouped: DataFrame) -> DataFrame:
    """The first row of each trip, in the order of time; ``here`` holds those of the hour itself."""
    first = F.filter("seen", lambda r, i: (i == 0) | (F.get("seen", i - 1)["trip"] != r["trip"]))
    by_time = F.array_sort(
        F.transform(
            first,
            lambda r: F.struct(r["observed_at"].alias("at"), r["scheduled_at"].alias("due"), r["trip"].alias("trip")),
        )
    )
    return grouped.withColumn("passages", by_time).withColumn(
        "here", F.filter("passages", lambda p: WINDOWS.holds(p["at"]))
    )


def _headways(passed: DataFrame) -> DataFrame:
    pairs = F.transform(
        "passages",
        lambda p, i: F.struct(
            p["at"].alias("at"),
            _seconds(p["at"], F.get("passages", i - 1)["at"]).alias("seconds"),
            _seconds(p["due"], F.get("passages", i - 1)["due"]).alias("scheduled"),
        ),
    )
    ending_here = F.filter(pairs, lambda h: WINDOWS.holds(h["at"]) & h["seconds"].isNotNull())
    return passed.withColumn("headways", ending_here).withColumn(
        "is_scheduled", (F.size("headways") > 0) & F.forall("headways", lambda h: h["scheduled"].isNotNull())
    )


def _figures(timed: DataFrame) -> DataFrame:
    rows_here = F.filter("seen", lambda r: WINDOWS.holds(r["observed_at"]))
    scheduled = F.col("is_scheduled")
    bunched = count("headways", lambda h: h["seconds"] < h["scheduled"] * BUNCHED_SHARE)
    direction = F.coalesce(F.col("direction_id").cast("string"), F.lit("-"))
    return timed.withColumn("rows_here", rows_here).select(
        "tenant",
        F.concat_ws(":", "line_id", direction, "stop_id").alias("entity_id"),
        WINDOWS.start.alias("window_start"),
        WINDOWS.end.alias("window_end"),
        "line_id",
        "direction_id",
        "stop_id",
        place("rows_here.location").alias("location"),
        F.size("here").cast("long").alias("passages_count"),
        F.size("headways").cast("long").alias("headways_count"),
        mean("headways", "seconds").alias("mean_headway_seconds"),
        F.when(scheduled, mean("headways", "scheduled")).alias("mean_scheduled_headway_seconds"),
        _wait("seconds").alias("average_wait_seconds"),
        F.when(scheduled, _wait("seconds") - _wait("scheduled")).alias("excess_wait_seconds"),
        F.when(scheduled, bunched).alias("bunched_count"),
        F.when(scheduled, F.try_divide(bunched, F.size("headways"))).alias("bunching_ratio"),
        F.size("rows_here").cast("long").alias("observations_count"),
        (count("here", lambda p: p["due"].isNotNull()) / F.size("here")).alias("coverage_ratio"),
        flags(F.flatten("rows_here.flags"), flag("no_timetable", ~scheduled & (F.size("headways") > 0))).alias("flags"),
        "last_ingested_at",
    )


def _wait(field: str) -> Column:
    """Expected wait (s) of a passenger who comes at random: sum of squared headways over twice their sum."""
    squares = F.transform("headways", lambda h: F.struct((h[field] * h[field]).alias("square")))
    return F.try_divide(total(squares, "square", "double"), total("headways", field, "double") * 2)


def _seconds(later: Column, earlier: Column) -> Column:
    return (F.unix_micros(later) - F.unix_micros(earlier)) / 1e6


JOB = Job(
    name="transit_headway",
    reads="vehicle_position",
    result="transit_headway",
    transform=transit_headway,
    window=WINDOWS.length,
    lateness=timedelta(hours=6),
    freshness=timedelta(seconds=20),
    lookback=WINDOWS.lookback,
)
