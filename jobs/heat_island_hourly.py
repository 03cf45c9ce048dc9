"""Heat island by station and hour: `weather_observed` comes in, `heat_island_hourly` goes out.

Mean after quality control, rural reference brought to the station's height, intensity, humidex. Quality control looks
back one hour, so a window is two hours long and its figure is that of the second.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from jobs.indicators import heat_frames
from jobs.indicators.heat import humidex
from jobs.indicators.heat_hours import HOUR, network_hour
from jobs.indicators.heat_observations import Observations
from jobs.job import Counted, Job
from schemas import contract


def hourly_intensity(observed: DataFrame) -> DataFrame:
    """Temperature (°C), heat-island intensity (K) and humidex of each station by hour of event time, UTC."""
    window = F.window("observed_at", "2 hours", "1 hour")
    return heat_frames.by_window(observed, window, station_hours, contract("heat_island_hourly"))


def station_hours(observed: Observations, start: int) -> heat_frames.Columns:
    """The columns of the result for the second of two hours that begin at start (µs UTC): stations that reported."""
    hour = network_hour(observed, start + HOUR)
    stations, rows = hour.stations, np.flatnonzero(hour.has_reported)
    flags = heat_frames.words(hour.flags, observed.between(hour.start, hour.start + HOUR))
    return {
        "entity_id": [observed.stations[i] for i in rows],
        "window_start": np.int64(hour.start),
        "window_end": np.int64(hour.start + HOUR),
        "location": heat_frames.places(stations.latitude[rows], stations.longitude[rows]),
        "elevation_m": stations.elevation_m[rows],
        "local_climate_zone": heat_frames.zones(stations.zone[rows]),
        "is_rural_reference": heat_frames.yes_or_no(stations.reference[rows]),
        "mean_temperature_celsius": hour.mean_celsius[rows],
        "mean_relative_humidity_ratio": hour.humidity_ratio[rows],
        "reference_temperature_celsius": hour.reference_celsius[rows],
        "intensity_celsius": hour.intensity_celsius[rows],
        "humidex_celsius": humidex(hour.mean_celsius, hour.humidity_ratio)[rows],
        "rejected_count": hour.rejected[rows],
        "stations_count": len(rows),
        "reference_stations_count": int(hour.is_reference.sum()),
        "observations_count": hour.accepted[rows],
        "coverage_ratio": hour.coverage_ratio[rows],
        "flags": [flags[i] for i in rows],
        "last_ingested_at": hour.last_ingested_at[rows],
    }


JOB = Job(
    name="heat_island_hourly",
    reads="weather_observed",
    result="heat_island_hourly",
    transform=hourly_intensity,
    window=timedelta(hours=1),
    lateness=timedelta(hours=30),
    freshness=timedelta(seconds=70),
    lookback=timedelta(hours=1),
    counted=Counted(needs=("temperature_celsius",), sums=("observations_count", "rejected_count")),
)
