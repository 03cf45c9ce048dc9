"""Traffic by road segment and 5 minutes: `traffic_flow_observed` comes in, `traffic_by_segment` goes out.

A counting period belongs to the window it starts in.
"""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from jobs.indicators.windows import Windows, collected, distinct, flag, flags, newest, total
from jobs.job import Counted, Job

WINDOWS = Windows(timedelta(minutes=5))
#: Highway Capacity Manual 2010, urban streets (exhibit 16-4): least ratio of mean speed to free-flow speed, exclusive.
LEVELS_OF_SERVICE = {"A": 0.85, "B": 0.67, "C": 0.50, "D": 0.40, "E": 0.30}


def traffic_by_segment(observed: DataFrame) -> DataFrame:
    """Flow, speed and level of service of each road segment by 5 minutes of event time, UTC."""
    free_flow = F.col("free_flow_speed_km_per_h")
    return (
        observed.transform(WINDOWS.assign)
        .groupBy("tenant", "entity_id", "span")
        .agg(
            collected("intensity_vehicles", "period_seconds", "average_speed_km_per_h", "flags").alias("seen"),
            newest("free_flow_speed_km_per_h", where=free_flow.isNotNull()).alias("road"),
            newest("location", where=F.col("location").isNotNull()).alias("last"),
            F.max("ingested_at").alias("last_ingested_at"),
        )
        .transform(distinct, "seen", "observed_at")
        .transform(_with_sums)
        .transform(_document)
    )


def level_of_service(speed_ratio: Column) -> Column:
    """A to F from mean speed over free-flow speed; null when that is unknown."""
    level = F.when(speed_ratio.isNotNull(), F.lit("F"))
    for name, least in reversed(LEVELS_OF_SERVICE.items()):
        level = F.when(speed_ratio > least, F.lit(name)).otherwise(level)
    return level


def _with_sums(grouped: DataFrame) -> DataFrame:
    """Sums over the periods that were counted, and over those of them in which a speed was measured."""
    vehicles, speed = "intensity_vehicles", "average_speed_km_per_h"
    counted = F.filter("seen", lambda row: row[vehicles].isNotNull())
    weighed = F.transform(
        F.filter("counted", lambda row: row[speed].isNotNull()),
        lambda row: F.struct(row[vehicles].alias("weight"), (row[vehicles] * row[speed]).alias("weighed")),
    )
    return (
        grouped.withColumn("counted", counted)
        .withColumn("weighed", weighed)
        .withColumns(
            {
                "vehicles_count": total("counted", vehicles),
                "observed_seconds": F.coalesce(total("counted", "period_seconds", "double"), F.lit(0.0)),
                "mean_speed": F.try_divide(total("weighed", "weighed", "double"), total("weighed", "weight")),
                "free_flow_speed": F.col("road.free_flow_speed_km_per_h"),
            }
        )
    )


def _document(sums: DataFrame) -> DataFrame:
    window_seconds = WINDOWS.length.total_seconds()
    hours = F.col("observed_seconds") / 3600
    return sums.select(
        "tenant",
        "entity_id",
        WINDOWS.start.alias("window_start"),
        WINDOWS.end.alias("window_end"),
        "last.location",
        "vehicles_count",
        F.try_divide("vehicles_count", hours).alias("vehicles_per_hour"),
        F.col("mean_speed").alias("mean_speed_km_per_h"),
        F.col("free_flow_speed").alias("free_flow_speed_km_per_h"),
        F.try_divide("free_flow_speed", "mean_speed").alias("travel_time_index"),
        level_of_service(F.try_divide("mean_speed", "free_flow_speed")).alias("level_of_service"),
        "observed_seconds",
        F.size("seen").cast("long").alias("observations_count"),
        F.least(F.col("observed_seconds") / window_seconds, F.lit(1.0)).alias("coverage_ratio"),
        flags(
            F.flatten("seen.flags"),
            flag("overlapping_periods", F.col("observed_seconds") > window_seconds),
        ).alias("flags"),
        "last_ingested_at",
    )


JOB = Job(
    name="traffic_by_segment",
    reads="traffic_flow_observed",
    result="traffic_by_segment",
    transform=traffic_by_segment,
    window=WINDOWS.length,
    lateness=timedelta(hours=6),
    freshness=timedelta(seconds=53),
    counted=Counted(),
)
