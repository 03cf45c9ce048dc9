"""Counts of car parks: how full they are, who came and went. Shared by the jobs for sites, zones and single spaces."""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from jobs.indicators.windows import Windows, before, flag, later, total

WINDOW = timedelta(minutes=5)
#: How far back the observation is looked for whose difference from the first one of a window counts.
LOOKBACK = timedelta(minutes=5)

COUNTS = ("total_spaces", "occupied_spaces", "free_spaces", "state_flags")
MOVEMENTS = ("arrivals_count", "departures_count")


def with_known_counts(observed: DataFrame) -> DataFrame:
    """Observations with occupied or free spaces computed from the other and the total, and with ``state_flags``.

    More vehicles than spaces leave no space free. More free spaces than spaces say nothing of the vehicles.
    """
    spaces, occupied, free = F.col("total_spaces"), F.col("occupied_spaces"), F.col("free_spaces")
    left = _rise(spaces - occupied)
    is_long = F.col("counting_interval_seconds") > WINDOW.total_seconds()
    return observed.withColumns(
        {
            "occupied_spaces": F.coalesce(occupied, F.when(free <= spaces, spaces - free)),
            "free_spaces": F.coalesce(free, left),
            "flags": F.concat("flags", flag("long_counting_interval", is_long)),
            "state_flags": F.concat(
                flag("closed", F.col("opening_status") == "closed"),
                flag("counts_inconsistent", (free > spaces) | (free != left)),
                flag("over_capacity", occupied > spaces),
            ),
        }
    )


def is_read(windows: Windows) -> Column:
    """Whether a window needs an observation: one before it only where movements are not counted."""
    at = F.col("observed_at")
    is_counted = F.col("arrivals_count").isNotNull() & F.col("departures_count").isNotNull()
    return (at < windows.end) & (at >= F.when(is_counted, windows.start).otherwise(later(windows.start, -LOOKBACK)))


def with_movements(grouped: DataFrame, windows: Windows, *entity: str) -> DataFrame:
    """What each window's own observations in ``seen`` say, as ``here``, and arrivals and departures; unknown is null.

    A count belongs to the window in which its interval ends. An observation without one counts what the occupied
    spaces changed by since the observation before: a lower bound, since who comes and who goes cancel out.
    """

    def with_change(row: Column, i: Column) -> Column:
        change = row["occupied_spaces"] - before("seen", row, i, *entity)["occupied_spaces"]
        is_counted = row["arrivals_count"].isNotNull() & row["departures_count"].isNotNull()
        return (
            row.withField("arrivals", F.coalesce(row["arrivals_count"], _rise(change)))
            .withField("departures", F.coalesce(row["departures_count"], _rise(-change)))
            .withField("is_derived", ~is_counted & change.isNotNull())
        )

    here = F.filter(F.transform("seen", with_change), lambda row: windows.holds(row["observed_at"]))
    is_derived = F.exists("here", lambda row: row["is_derived"])
    return grouped.withColumn("here", here).withColumns(
        {
            "arrivals_count": total("here", "arrivals"),
            "departures_count": total("here", "departures"),
            "movement_flags": flag("arrivals_from_differences", is_derived),
        }
    )


def document(figures: DataFrame, windows: Windows, area_type: str, basis: str) -> DataFrame:
    """The columns of `parking_occupancy`; the ratios are computed from the counts."""
    return figures.select(
        "tenant",
        "entity_id",
        windows.start.alias("window_start"),
        windows.end.alias("window_end"),
        F.lit(area_type).alias("area_type"),
        F.lit(basis).alias("basis"),
        "name",
        "zone_id",
        "location",
        *[F.col(c).cast("long").alias(c) for c in ("total_spaces", "occupied_spaces", "free_spaces")],
        F.try_divide("occupied_spaces", "total_spaces").alias("occupancy_ratio"),
        "arrivals_count",
        "departures_count",
        F.try_divide("arrivals_count", "total_spaces").alias("turnover_per_space"),
        "mean_stay_seconds",
        *[F.col(c).cast("long").alias(c) for c in ("parts_count", "observations_count")],
        "coverage_ratio",
        "flags",
        "last_ingested_at",
    )


def _rise(change: Column) -> Column:
    return F.when(change > 0, change).when(change <= 0, F.lit(0))
