"""Heat of the night by station: `weather_observed` comes in, `heat_island_nightly` goes out.

The night is 18:00–06:00 UTC (see `heat_nights`), in a window from noon to noon UTC; the date is that of the evening.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from jobs.indicators import heat_frames
from jobs.indicators.heat_hours import HOUR
from jobs.indicators.heat_nights import NIGHT_HOURS, NOON_TO_NIGHT, network_night
from jobs.indicators.heat_observations import Observations
from jobs.job import Job
from schemas import contract


def nightly_heat(observed: DataFrame) -> DataFrame:
    """Lowest temperature (°C), tropical night, mean intensity (K) and degree-hours (K·h) of each station by night."""
    window = F.window("observed_at", "24 hours", startTime="12 hours")
    night = observed.where(_is_needed())
    return heat_frames.by_window(night, window, station_nights, contract("heat_island_nightly"))


def station_nights(observed: Observations, noon: int) -> heat_frames.Columns:
    """The columns of the result for the night after noon (µs UTC): the stations that reported in it."""
    night = network_night(observed, noon)
    stations, rows = night.stations, np.flatnonzero(night.has_reported)
    first = noon + NOON_TO_NIGHT
    flags = heat_frames.words(night.flags, observed.between(first, first + NIGHT_HOURS * HOUR))
    return {
        "entity_id": [observed.stations[i] for i in rows],
        "window_start": np.int64(noon),
        "window_end": np.int64(noon + 24 * HOUR),
        "night_of": datetime.fromtimestamp(noon // 1_000_000, UTC).date().isoformat(),
        "location": heat_frames.places(stations.latitude[rows], stations.longitude[rows]),
        "local_climate_zone": heat_frames.zones(stations.zone[rows]),
        "is_rural_reference": heat_frames.yes_or_no(stations.reference[rows]),
        "min_temperature_celsius": night.lowest_celsius[rows],
        "is_tropical_night": [night.is_tropical[i] for i in rows],
        "mean_intensity_celsius": night.mean_intensity_celsius[rows],
        "degree_hours": night.degree_hours[rows],
        "hours_count": night.hours_count[rows],
        "rejected_count": night.rejected[rows],
        "observations_count": night.accepted[rows],
        "coverage_ratio": night.coverage_ratio[rows],
        "flags": [flags[i] for i in rows],
        "last_ingested_at": night.last_ingested_at[rows],
    }


def _is_needed() -> Column:
    """The hours of the night, and the one before that quality control looks back to; the rest would only be state."""
    after_noon = F.pmod(F.unix_micros("observed_at") - F.lit(12 * HOUR), F.lit(24 * HOUR))
    return (after_noon >= NOON_TO_NIGHT - HOUR) & (after_noon < NOON_TO_NIGHT + NIGHT_HOURS * HOUR)


JOB = Job(
    name="heat_island_nightly",
    reads="weather_observed",
    result="heat_island_nightly",
    transform=nightly_heat,
    window=timedelta(hours=24),
    lateness=timedelta(hours=36),
    freshness=timedelta(seconds=75),
    offset=timedelta(hours=12),
)
