"""A network's hour as a map: the stations' hour comes in; temperature and intensity on H3 cells go out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jobs.indicators import heat
from jobs.indicators.heat_flags import Flag
from jobs.indicators.heat_hours import NetworkHour
from jobs.indicators.heat_observations import Floats, Ints, Observations
from jobs.indicators.interpolation import Method, interpolated
from jobs.indicators.interpolation_cells import Cells, cells_around
from jobs.indicators.interpolation_plane import convex_hull, distances_km, is_inside, origin_of, plane_km

#: A station further than this from the others' median is another city, or a wrong place.
FURTHEST_KM = 50.0
#: A tenth of a millikelvin: far under any meaning, over the last bits in which two machines' linear algebra differ.
DECIMALS = 4


@dataclass(frozen=True)
class HeatMap:
    """One hour on cells; an array has one element for each cell."""

    cells: Cells
    temperature_celsius: Floats  # at the reference's height
    intensity_celsius: Floats
    standard_error_celsius: Floats
    nearest_station_m: Floats
    flags: Ints
    method: Method
    stations_count: int
    observations_count: int
    coverage_ratio: float  # stations used, of those that reported
    last_ingested_at: int  # µs


def heat_map(observed: Observations, hour: NetworkHour) -> HeatMap:
    """The map of an hour; cells around each station that reported, also where its values were left out."""
    described = observed.described
    here = hour.has_reported[described.station] & ~np.isnan(described.latitude) & ~np.isnan(described.longitude)
    cells = cells_around(described.latitude[here], described.longitude[here])

    origin = origin_of(hour.stations.latitude, hour.stations.longitude)
    place = plane_km(hour.stations.latitude, hour.stations.longitude, origin)
    used = ~np.isnan(hour.mean_celsius) & (np.hypot(place[:, 0], place[:, 1]) <= FURTHEST_KM)
    stations, targets = place[used], plane_km(cells.latitude, cells.longitude, origin)
    distance = distances_km(targets, stations)
    height = reference_height(hour)
    level = heat.at_height(hour.mean_celsius, hour.stations.elevation_m, height)
    field = interpolated(level[used], distances_km(stations, stations), distance)

    reference = float(level[hour.is_reference].mean()) if hour.is_reference.any() else np.nan
    flags = np.where(is_inside(targets, convex_hull(stations)), 0, Flag.EXTRAPOLATED)
    reported = int(hour.has_reported.sum())
    return HeatMap(
        cells=cells,
        temperature_celsius=np.round(field.values, DECIMALS),
        intensity_celsius=np.round(field.values - reference, DECIMALS),
        standard_error_celsius=np.round(field.standard_error, DECIMALS),
        nearest_station_m=np.round(distance.min(axis=1) * 1000, 1) if used.any() else np.full(len(cells.ids), np.nan),
        flags=flags | _network_flags(hour),
        method=field.method,
        stations_count=int(used.sum()),
        observations_count=int(hour.accepted[used].sum()),
        coverage_ratio=float(used.sum() / reported) if reported else np.nan,
        last_ingested_at=int(hour.last_ingested_at.max(initial=0)),
    )


def reference_height(hour: NetworkHour) -> float:
    """Mean height (m) of the reference stations; without them the median of all; 0 when none is known."""
    known = ~np.isnan(hour.stations.elevation_m)
    if (known & hour.is_reference).any():
        return float(hour.stations.elevation_m[known & hour.is_reference].mean())
    return float(np.median(hour.stations.elevation_m[known])) if known.any() else 0.0


def _network_flags(hour: NetworkHour) -> int:
    """What is to be said of the network as a whole: its reference, and heights unknown among the stations used."""
    is_used = ~np.isnan(hour.mean_celsius)
    together = np.bitwise_or.reduce(hour.flags[is_used], initial=0)
    return int(together) & (Flag.NO_REFERENCE | Flag.REFERENCE_BY_LCZ | Flag.MISSING_ELEVATION)
