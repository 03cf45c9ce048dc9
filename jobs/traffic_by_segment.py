"""Traffic by road segment and 5 minutes: `traffic_flow_observed` comes in, `traffic_by_segment` goes out."""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from jobs.indicators.windows import Windows, collected, distinct, flag, flags, newest, total
from jobs.job import Job

WINDOWS = Windows(timedelta(minutes=5))
WINDOW_SECONDS = 300
FIELDS = ("intensity_vehicles", "period_seconds", "average_speed_km_per_h", "free_flow_speed_km_per_h")
# Lower bounds of mean speed over free-flow speed (HCM 2010, urban streets); below the last it is F.
LEVELS = (("A", 0.85), ("B", 0.67), ("C", 0.50), ("D", 0.40), ("E", 0.30))


def traffic_by_segment(observed: DataFrame) -> DataFrame:
    """Flow, speed and level of service of each road segment by 5 minutes in which its counting periods start, UTC."""
    return (
        observed.transform(WINDOWS.assign)
        .groupBy("tenant", "entity_id", "span")
        .agg(
            newest("location").alias("last"),
            collected(*FIELDS, "flags").alias("seen"),
            F.max("ingested_at").alias("last_ingested_at"),
        )
        .transform(distinct, "seen", "observed_at")
        .transform(_sums)
        .transform(_figures)
    )


def _sums(grouped: DataFrame) -> DataFrame:
    moving = F.filter("seen", lambda r: r["average_speed_km_per_h"].isNotNull() & (r["intensity_vehicles"] > 0))
    distance = F.transform(
        moving,
        lambda r: F.struct(
            (r["average_speed_km_per_h"] * r["intensity_vehicles"]).alias("weighted"),
            r["intensity_vehicles"].alias("vehicles"),
        ),
    )
    counted = F.filter("seen", lambda r: r["intensity_vehicles"].isNotNull())
    return grouped.select(
        "*",
        total("seen", "intensity_vehicles").alias("vehicles_count"),
        total("seen", "period_seconds", "double").alias("observed_seconds"),
        total(counted, "period_seconds", "double").alias("counted_seconds"),
        F.try_divide(total(distance, "weighted", "double"), total(distance, "vehicles")).alias("mean_speed_km_per_h"),
        F.array_max(F.transform("seen", lambda r: r["free_flow_speed_km_per_h"])).alias("free_flow_speed_km_per_h"),
    )


def _figures(summed: DataFrame) -> DataFrame:
    ratio = F.try_divide(F.col("mean_speed_km_per_h"), F.col("free_flow_speed_km_per_h"))
    overlapping = F.col("observed_seconds") > WINDOW_SECONDS
    return summed.select(
        "tenant",
        "entity_id",
        WINDOWS.start.alias("window_start"),
        WINDOWS.end.alias("window_end"),
        F.col("last.location").alias("location"),
        "vehicles_count",
        F.try_divide(F.col("vehicles_count") * 3600, F.col("counted_seconds")).alias("vehicles_per_hour"),
        "mean_speed_km_per_h",
        "free_flow_speed_km_per_h",
        F.try_divide(F.lit(1.0), ratio).alias("travel_time_index"),
        level_of_service(ratio).alias("level_of_service"),
        "observed_seconds",
        F.size("seen").cast("long").alias("observations_count"),
        F.least(F.lit(1.0), F.col("observed_seconds") / WINDOW_SECONDS).alias("coverage_ratio"),
        flags(F.flatten("seen.flags"), flag("overlapping_periods", overlapping)).alias("flags"),
        "last_ingested_at",
    )


def level_of_service(speed_ratio: Column) -> Column:
    """A to F from mean speed over free-flow speed; null when that is unknown."""
    level = F.when(speed_ratio.isNotNull(), F.lit("F"))
    for name, bound in reversed(LEVELS):
        level = F.when(speed_ratio > bound, name).otherwise(level)
    return level


JOB = Job(
    name="traffic_by_segment",
    reads="traffic_flow_observed",
    result="traffic_by_segment",
    transform=traffic_by_segment,
    window=WINDOWS.length,
    lateness=timedelta(hours=6),
    freshness=timedelta(seconds=10),
)
