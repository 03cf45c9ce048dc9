"""Parking by site and 5 minutes: `parking_observed` comes in, `parking_occupancy` of sites, from counts, goes out.

Occupied and free are those of the window's last observation. Arrivals and departures are the feed's own counts where
it has them; otherwise differences of the occupied spaces, for which the 5 minutes before are read as well.
"""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from jobs.indicators import parking
from jobs.indicators.windows import Windows, collected, distinct, flags, newest
from jobs.job import Counted, Job

WINDOWS = Windows(parking.WINDOW, lookback=parking.LOOKBACK)
LAST = ("name", "zone_id", "location", *parking.COUNTS)


def occupancy_by_site(observed: DataFrame) -> DataFrame:
    """Spaces in use and movements of each car park by 5 minutes of event time, UTC."""
    return (
        observed.where(F.col("area_type") == "site")
        .transform(parking.with_known_counts)
        .transform(WINDOWS.assign)
        .where(parking.is_read(WINDOWS))
        .groupBy("tenant", "entity_id", "span")
        .agg(
            newest(*LAST, where=WINDOWS.holds("observed_at")).alias("last"),
            collected("occupied_spaces", *parking.MOVEMENTS, "flags").alias("seen"),
            F.max("ingested_at").alias("last_ingested_at"),
        )
        .where("last is not null")
        .transform(distinct, "seen", "observed_at")
        .transform(parking.with_movements, WINDOWS)
        .transform(_figures)
        .transform(parking.document, WINDOWS, "site", "counts")
    )


def _figures(grouped: DataFrame) -> DataFrame:
    minutes = F.array_distinct(F.transform("here", lambda row: F.minute(row["observed_at"])))
    return grouped.select(
        "*",
        *[F.col("last")[name].alias(name) for name in LAST],
        F.lit(None).cast("double").alias("mean_stay_seconds"),
        F.lit(1).alias("parts_count"),
        F.size("here").alias("observations_count"),
        (F.size(minutes) / 5).alias("coverage_ratio"),
        flags(F.flatten("here.flags"), F.col("last.state_flags"), F.col("movement_flags")).alias("flags"),
    )


JOB = Job(
    name="parking_by_site",
    reads="parking_observed",
    result="parking_occupancy",
    transform=occupancy_by_site,
    window=WINDOWS.length,
    lateness=timedelta(hours=6),
    freshness=timedelta(seconds=40),
    lookback=WINDOWS.lookback,
    part={"area_type": "site", "basis": "counts"},
    counted=Counted(where={"area_type": "site"}),
)
