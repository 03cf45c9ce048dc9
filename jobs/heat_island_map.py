"""Heat map by hour: `weather_observed` comes in, `heat_island_map` goes out, one document for each H3 cell.

Hourly means after quality control, as in `heat_island_hourly`, interpolated at the height of the rural reference.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from jobs.indicators import heat_frames
from jobs.indicators.heat_flags import flag_words
from jobs.indicators.heat_hours import HOUR, network_hour
from jobs.indicators.heat_maps import heat_map
from jobs.indicators.heat_observations import Observations
from jobs.indicators.interpolation_cells import RESOLUTION
from jobs.job import Job
from schemas import contract


def hourly_map(observed: DataFrame) -> DataFrame:
    """Interpolated temperature (°C) and heat-island intensity (K) of each H3 cell by hour of event time, UTC."""
    window = F.window("observed_at", "2 hours", "1 hour")
    return heat_frames.by_window(observed, window, cell_hours, contract("heat_island_map"))


def cell_hours(observed: Observations, start: int) -> heat_frames.Columns:
    """The columns of the result for the second of two hours that begin at start (µs UTC)."""
    hour = network_hour(observed, start + HOUR)
    made = heat_map(observed, hour)
    return {
        "entity_id": list(made.cells.ids),
        "window_start": np.int64(hour.start),
        "window_end": np.int64(hour.start + HOUR),
        "location": heat_frames.places(made.cells.latitude, made.cells.longitude),
        "h3_resolution": RESOLUTION,
        "temperature_celsius": made.temperature_celsius,
        "intensity_celsius": made.intensity_celsius,
        "standard_error_celsius": made.standard_error_celsius,
        "nearest_station_m": made.nearest_station_m,
        "stations_count": made.stations_count,
        "method": made.method.value,
        "observations_count": made.observations_count,
        "coverage_ratio": np.full(len(made.cells.ids), made.coverage_ratio),
        "flags": [flag_words(int(f)) for f in made.flags],
        "last_ingested_at": np.int64(made.last_ingested_at),
    }


JOB = Job(
    name="heat_island_map",
    reads="weather_observed",
    result="heat_island_map",
    transform=hourly_map,
    window=timedelta(hours=1),
    lateness=timedelta(hours=30),
    freshness=timedelta(seconds=80),
    lookback=timedelta(hours=1),
)
