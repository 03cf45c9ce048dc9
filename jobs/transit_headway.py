"""Regularity of public transport by line, stop and hour: `vehicle_position` comes in, `transit_headway` goes out.

A passage is a vehicle's first message of standing at the stop. A headway belongs to the hour in which it ends, so the
hour before is read as well, for the passage it begins with.
"""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from jobs.indicators.headways import average_wait, gaps, mean_gap
from jobs.indicators.windows import Windows, before, collected, count, distinct, flag, flags, later, place
from jobs.job import Job

HOUR = timedelta(hours=1)
WINDOWS = Windows(HOUR, lookback=HOUR)
#: Without a trip, a vehicle that was away for longer comes again.
AWAY = timedelta(minutes=10)
BUNCHED = 0.25  # share of the scheduled headway
RUN = ("has_trip", "run", "stop_sequence")


def headway_by_stop(positions: DataFrame) -> DataFrame:
    """Headways, waiting times and bunching of each line at each stop by hour of event time, UTC."""
    return (
        positions.where(F.col("stop_status") == "stopped_at")
        .where("line_id is not null and stop_id is not null")
        .transform(WINDOWS.assign)
        .groupBy("tenant", "line_id", "direction_id", "stop_id", "span")
        .agg(
            F.bool_or(WINDOWS.holds("observed_at")).alias("is_seen"),
            collected("trip_id", "stop_sequence", "scheduled_at", "location", "flags", entity=["entity_id"]).alias(
                "seen"
            ),
            F.max("ingested_at").alias("last_ingested_at"),
        )
        .where("is_seen")
        .transform(distinct, "seen", "entity_id", "observed_at")
        .transform(_with_passages)
        .transform(_with_headways)
        .transform(_document)
    )


def _with_passages(grouped: DataFrame) -> DataFrame:
    """Passages by time: those of the hour as ``here``, and with the one before them as ``chain``."""
    stands = F.transform(
        "seen",
        lambda row: F.struct(
            row["trip_id"].isNotNull().alias("has_trip"),
            F.coalesce(row["trip_id"], row["entity_id"]).alias("run"),
            # A loop serves its first stop again as its last.
            F.coalesce(row["stop_sequence"], F.lit(-1)).alias("stop_sequence"),
            row["observed_at"].alias("at"),
            row["scheduled_at"].alias("scheduled_at"),
            row["location"].alias("location"),
        ),
    )

    def is_arrival(row: Column, i: Column) -> Column:
        stood_at = before("stands", row, i, *RUN)["at"]
        return stood_at.isNull() | (~row["has_trip"] & (row["at"] > later(stood_at, AWAY)))

    def is_needed(row: Column, i: Column) -> Column:
        following = F.get("passages", i + 1)["at"]
        return WINDOWS.holds(row["at"]) | (following.isNotNull() & WINDOWS.holds(following))

    passages = F.transform(
        F.filter("stands", is_arrival),
        lambda row: F.struct(*[row[name].alias(name) for name in ("at", "scheduled_at", "location")]),
    )
    return (
        grouped.withColumn("stands", F.sort_array(stands))
        .withColumn("passages", F.sort_array(passages))
        .withColumn("chain", F.filter("passages", is_needed))
        .withColumn("here", F.filter("chain", lambda row: WINDOWS.holds(row["at"])))
    )


def _with_headways(grouped: DataFrame) -> DataFrame:
    """Headways as driven; and as scheduled, where the timetable says when each of those vehicles was due."""
    is_scheduled = F.forall("chain", lambda row: row["scheduled_at"].isNotNull())
    timetable = F.when(is_scheduled, F.sort_array("chain.scheduled_at")).otherwise(F.expr("array()"))
    return (
        grouped.withColumn("times", F.col("chain.at"))
        .withColumn("timetable", timetable)
        .withColumn("headways", gaps("times"))
        .withColumn("scheduled", gaps("timetable"))
        .withColumn("mean_scheduled", mean_gap("scheduled"))
    )


def _document(figures: DataFrame) -> DataFrame:
    passages, headways = F.size("here").cast("long"), F.size("headways").cast("long")
    scheduled = count("here", lambda row: row["scheduled_at"].isNotNull())
    bunched = F.filter("headways", lambda headway: headway < BUNCHED * F.col("mean_scheduled"))
    bunched_count = F.when(F.col("mean_scheduled").isNotNull(), F.size(bunched).cast("long"))
    seen = F.filter("seen", lambda row: WINDOWS.holds(row["observed_at"]))
    return figures.select(
        "tenant",
        F.concat_ws(":", "line_id", F.coalesce(F.col("direction_id").cast("string"), F.lit("")), "stop_id").alias(
            "entity_id"
        ),
        WINDOWS.start.alias("window_start"),
        WINDOWS.end.alias("window_end"),
        "line_id",
        "direction_id",
        "stop_id",
        place(F.col("here.location")).alias("location"),
        passages.alias("passages_count"),
        headways.alias("headways_count"),
        mean_gap("headways").alias("mean_headway_seconds"),
        F.col("mean_scheduled").alias("mean_scheduled_headway_seconds"),
        average_wait("headways").alias("average_wait_seconds"),
        (average_wait("headways") - average_wait("scheduled")).alias("excess_wait_seconds"),
        bunched_count.alias("bunched_count"),
        F.try_divide(bunched_count, headways).alias("bunching_ratio"),
        F.size(seen).cast("long").alias("observations_count"),
        F.try_divide(scheduled, passages).alias("coverage_ratio"),
        flags(
            F.flatten(F.transform(seen, lambda row: row["flags"])),
            flag("first_headway_unknown", headways < passages),
            flag("schedule_incomplete", (scheduled > 0) & (scheduled < passages)),
        ).alias("flags"),
        "last_ingested_at",
    )


JOB = Job(
    name="transit_headway",
    reads="vehicle_position",
    result="transit_headway",
    transform=headway_by_stop,
    window=WINDOWS.length,
    lateness=timedelta(hours=6),
    freshness=timedelta(seconds=60),
    lookback=WINDOWS.lookback,
)
