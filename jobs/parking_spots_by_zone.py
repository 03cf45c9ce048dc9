"""Parking by zone and 5 minutes, from spots: `parking_spot_observed` comes in, `parking_occupancy` goes out."""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import DataFrame

from jobs.indicators.parking_spots import WINDOWS, occupancy_of_spots
from jobs.job import Job


def occupancy_by_zone(observed: DataFrame) -> DataFrame:
    """Spaces in use, movements and stays of each zone by 5 minutes of event time, UTC, from its single spaces."""
    return occupancy_of_spots(observed, "zone")


JOB = Job(
    name="parking_spots_by_zone",
    reads="parking_spot_observed",
    result="parking_occupancy",
    transform=occupancy_by_zone,
    window=WINDOWS.length,
    lateness=timedelta(hours=6),
    freshness=timedelta(seconds=50),
    lookback=WINDOWS.lookback,
    lookahead=WINDOWS.lookahead,
    part={"area_type": "zone", "basis": "spots"},
)
