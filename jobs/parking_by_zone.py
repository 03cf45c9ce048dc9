"""Parking by zone and 5 minutes: `parking_observed` comes in, `parking_occupancy` of zones, from counts, goes out.

A zone is the sum of its sites, as each last said in the window; a site that is silent is missed, never invented. Where
the feed speaks of a zone as a whole, only that counts.
"""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from jobs.indicators import parking
from jobs.indicators.windows import (
    Windows,
    collected,
    distinct,
    flag,
    flags,
    full_total,
    last_of_each,
    newest,
    place,
)
from jobs.job import Job

#: A site that was seen in the 10 minutes before is expected in the window.
WINDOWS = Windows(parking.WINDOW, lookback=timedelta(minutes=10))
SITE = ("is_zone", "entity_id")
SAID = (*parking.COUNTS, *parking.MOVEMENTS, "location", "flags")


def occupancy_by_zone(observed: DataFrame) -> DataFrame:
    """Spaces in use and movements of each parking zone by 5 minutes of event time, UTC."""
    return (
        observed.transform(_with_zone)
        .transform(parking.with_known_counts)
        .transform(WINDOWS.assign)
        .groupBy("tenant", "zone", "span")
        .agg(
            F.bool_or(WINDOWS.holds("observed_at")).alias("is_seen"),
            collected(*SAID, entity=SITE, where=parking.is_read(WINDOWS)).alias("seen"),
            F.collect_set(F.struct(*SITE)).alias("expected"),
            newest("name", "zone_id", where=F.col("is_zone")).alias("zone_said"),
            F.max("ingested_at").alias("last_ingested_at"),
        )
        .where("is_seen")
        .transform(distinct, "seen", *SITE, "observed_at")
        .transform(_of_zones_or_sites)
        .transform(parking.with_movements, WINDOWS, *SITE)
        .transform(_figures)
        .transform(parking.document, WINDOWS, "zone", "counts")
    )


def _with_zone(observed: DataFrame) -> DataFrame:
    is_zone = F.col("area_type") == "zone"
    zone = F.when(is_zone, F.col("entity_id")).otherwise(F.col("zone_id"))
    return observed.withColumns({"is_zone": is_zone, "zone": zone}).where("zone is not null")


def _of_zones_or_sites(grouped: DataFrame) -> DataFrame:
    speaks = F.exists("seen", lambda row: row["is_zone"] & WINDOWS.holds(row["observed_at"]))
    return grouped.withColumn("speaks", speaks).withColumns(
        {name: F.filter(name, lambda row: row["is_zone"] == F.col("speaks")) for name in ("seen", "expected")}
    )


def _figures(grouped: DataFrame) -> DataFrame:
    """Sums over the sites that say how many spaces they have and use; over all where none of them does."""
    complete = F.filter("last", lambda row: row["total_spaces"].isNotNull() & row["occupied_spaces"].isNotNull())
    parts = F.when(F.size(complete) > 0, complete).otherwise(F.col("last"))
    coverage = F.size("parts") / F.size("expected")
    return (
        grouped.withColumn("last", last_of_each("here", *SITE))
        .withColumn("parts", parts)
        .select(
            "tenant",
            F.col("zone").alias("entity_id"),
            "span",
            "zone_said.name",
            "zone_said.zone_id",
            place(F.col("last.location")).alias("location"),
            *[full_total("parts", name).alias(name) for name in parking.COUNTS[:3]],
            *parking.MOVEMENTS,
            F.lit(None).cast("double").alias("mean_stay_seconds"),
            F.size("parts").alias("parts_count"),
            F.size("here").alias("observations_count"),
            coverage.alias("coverage_ratio"),
            flags(
                F.flatten("here.flags"),
                F.flatten("last.state_flags"),
                F.col("movement_flags"),
                flag("incomplete", (coverage < 1) | (F.size("parts") < F.size("last"))),
            ).alias("flags"),
            "last_ingested_at",
        )
    )


JOB = Job(
    name="parking_by_zone",
    reads="parking_observed",
    result="parking_occupancy",
    transform=occupancy_by_zone,
    window=WINDOWS.length,
    lateness=timedelta(hours=6),
    freshness=timedelta(seconds=43),
    lookback=WINDOWS.lookback,
    part={"area_type": "zone", "basis": "counts"},
)
