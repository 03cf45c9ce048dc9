"""Single parking spaces: what their sensors say comes in, occupancy and movements of sites or zones go out.

A sensor tells a change when it happens, and every 20 minutes its state again with the time since when. So a window is
made of states and not of messages: whichever message tells a state, and however often, it counts once.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from jobs.indicators import parking
from jobs.indicators.windows import Windows, before, count, flag, flags, last_of_each, later, mean, newest, place

HEARTBEAT = timedelta(minutes=20)
#: A state stands until it should have been told again. Radio delays a message: one that comes after the end of the
#: window, of a state that began in it, still counts in it.
WINDOWS = Windows(parking.WINDOW, lookback=HEARTBEAT, lookahead=timedelta(minutes=5))
#: A sensor that tells a duration in whole seconds gives one state slightly different beginnings.
SAME_STATE = timedelta(seconds=30)
Area = Literal["site", "zone"]


def occupancy_of_spots(observed: DataFrame, area: Area) -> DataFrame:
    """Spaces in use, movements and stays of each site or zone by 5 minutes of event time, UTC."""
    is_late = F.col("observed_at") >= WINDOWS.end
    return (
        observed.where(F.col(f"{area}_id").isNotNull())
        .transform(WINDOWS.assign)
        .where(~is_late | (F.col("status_since").isNotNull() & WINDOWS.holds("status_since")))
        .groupBy("tenant", F.col(f"{area}_id").alias("entity_id"), "span")
        .agg(
            F.bool_or(WINDOWS.holds("observed_at")).alias("is_seen"),
            F.collect_set(_state()).alias("told"),
            F.collect_set("flags").alias("told_flags"),
            newest(f"{area}_spaces", where=F.col(f"{area}_spaces").isNotNull()).alias("spaces"),
            newest("zone_id").alias("last_told"),
            F.max("ingested_at").alias("last_ingested_at"),
        )
        .where("is_seen")
        .transform(_with_states)
        .withColumn("total_spaces", F.coalesce(f"spaces.{area}_spaces", F.size("at_end")))
        .withColumn("zone_id", F.col("last_told.zone_id") if area == "site" else F.lit(None).cast("string"))
        .transform(_figures)
        .transform(parking.document, WINDOWS, area, "spots")
    )


def _state() -> Column:
    """A space's state; of two messages that tell it, the one that says more sorts first."""
    stay = F.col("previous_status_seconds")
    return F.struct(
        F.col("entity_id").alias("spot"),
        F.least("status_since", "observed_at").alias("began_at"),
        "status",
        F.col("status_since").isNull().alias("is_sampled"),
        stay.isNull().alias("lacks_stay"),
        stay.alias("previous_status_seconds"),
        "location",
    )


def _with_states(grouped: DataFrame) -> DataFrame:
    """The states of each space, the one at the end of the window, and those in which a vehicle came or left."""

    def is_new(row: Column, i: Column) -> Column:
        other = before("told", row, i, "spot")
        is_same = (other["status"] == row["status"]) & (row["began_at"] <= later(other["began_at"], SAME_STATE))
        return ~F.coalesce(is_same, F.lit(False))

    def is_movement(row: Column, i: Column) -> Column:
        # Of a sensor that does not say since when, only a change between two of its messages tells anything.
        has_changed = before("clear", row, i, "spot")["status"] != row["status"]
        return WINDOWS.holds(row["began_at"]) & (~row["is_sampled"] | has_changed)

    return (
        grouped.withColumn("told", F.sort_array("told"))
        .withColumn("states", F.filter("told", is_new))
        .withColumn("begun", F.filter("states", lambda row: row["began_at"] < WINDOWS.end))
        .withColumn("at_end", last_of_each("begun", "spot"))
        .withColumn("clear", F.filter("states", lambda row: row["status"].isin("occupied", "free")))
        .withColumn("moves", F.filter("clear", is_movement))
        .withColumn("left", F.filter("moves", lambda row: row["status"] == "free"))
    )


def _figures(grouped: DataFrame) -> DataFrame:
    occupied = count("at_end", lambda row: row["status"] == "occupied")
    coverage = F.try_divide(F.least(F.size("at_end"), "total_spaces"), "total_spaces")
    return grouped.select(
        "tenant",
        "entity_id",
        "span",
        F.lit(None).cast("string").alias("name"),
        "zone_id",
        place(F.col("at_end.location")).alias("location"),
        "total_spaces",
        occupied.alias("occupied_spaces"),
        count("at_end", lambda row: row["status"] == "free").alias("free_spaces"),
        count("moves", lambda row: row["status"] == "occupied").alias("arrivals_count"),
        F.size("left").cast("long").alias("departures_count"),
        mean("left", "previous_status_seconds").alias("mean_stay_seconds"),
        F.size("at_end").alias("parts_count"),
        F.size("states").alias("observations_count"),
        coverage.alias("coverage_ratio"),
        flags(
            F.flatten("told_flags"),
            flag("arrivals_from_transitions", F.exists("states", lambda row: row["is_sampled"])),
            flag("over_capacity", occupied > F.col("total_spaces")),
            flag("spots_silent", coverage < 1),
        ).alias("flags"),
        "last_ingested_at",
    )
