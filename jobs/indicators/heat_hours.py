"""A network's hour: distinct observations come in; means, quality, reference and intensity of each station go out.

The three heat jobs stand on it, so that a night and a map say the same as the hours. It reads the hour and the one
before it (for steps and flat lines), never the one after: a figure must not wait for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jobs.indicators import heat, quality
from jobs.indicators.heat_flags import Flag
from jobs.indicators.heat_observations import Bools, Floats, Ints, Observations
from jobs.indicators.heat_stations import Stations, stations_of
from jobs.indicators.interpolation_plane import distances_km, origin_of, plane_km
from jobs.indicators.quality_network import neighbour_outlier, network_outlier

HOUR = 3_600_000_000
#: Share of the expected observations that is enough for a figure: three of four quarters of an hour.
ENOUGH = 0.75


@dataclass(frozen=True)
class NetworkHour:
    """One hour; an array has one element for each station of the observations, whether it reported or not."""

    start: int  # µs
    stations: Stations
    has_reported: Bools
    mean_celsius: Floats
    lowest_celsius: Floats
    humidity_ratio: Floats
    reference_celsius: Floats  # at the station's height
    is_reference: Bools  # whether it made the reference
    accepted: Ints
    rejected: Ints
    expected: Floats  # observations in an hour at the station's interval
    flags: Ints
    last_ingested_at: Ints  # µs

    @property
    def intensity_celsius(self) -> Floats:
        """Station minus reference (K)."""
        return self.mean_celsius - self.reference_celsius

    @property
    def coverage_ratio(self) -> Floats:
        """Share (0–1) of the expected observations that are there and passed; NaN when nobody's interval is known."""
        return np.minimum(1.0, self.accepted / self.expected)


def network_hour(observed: Observations, start: int) -> NetworkHour:
    """The hour that begins at start (µs UTC), from the observations in it and in the hour before."""
    near = observed.between(start - HOUR, start + HOUR)
    stations = stations_of(near)
    doubts = observation_flags(near)
    is_inside = near.observed_at >= start
    inside, doubts = near.take(is_inside), doubts[is_inside]
    has_value = ~np.isnan(inside.temperature_celsius)

    passed = inside.take(has_value & (doubts == 0))
    mean = _mean(passed, passed.temperature_celsius)
    off = station_flags(mean, stations)
    mean = np.where(off == 0, mean, np.nan)
    is_reference, by_zone = heat.reference_stations(~np.isnan(mean), stations.zone, stations.reference)

    all_values = _count(inside.take(has_value))
    accepted = np.where(off == 0, _count(passed), 0)
    expected = np.maximum(1.0, np.floor(60 / stations.interval_minutes))
    no_height = np.isnan(stations.elevation_m)
    flags = off | _any_of(inside, doubts)
    flags |= np.where(all_values == 0, Flag.NO_TEMPERATURE, 0)
    flags |= np.where(accepted >= ENOUGH * expected, 0, Flag.FEW_OBSERVATIONS)
    flags |= np.where(no_height | no_height[is_reference].any(), Flag.MISSING_ELEVATION, 0)
    flags |= (Flag.REFERENCE_BY_LCZ if by_zone else 0) | (0 if is_reference.any() else Flag.NO_REFERENCE)
    return NetworkHour(
        start=start,
        stations=stations,
        has_reported=_count(inside) > 0,
        mean_celsius=mean,
        lowest_celsius=np.where(accepted > 0, _lowest(passed), np.nan),
        humidity_ratio=_mean_humidity(inside),
        reference_celsius=heat.reference_at(
            mean[is_reference], stations.elevation_m[is_reference], stations.elevation_m
        ),
        is_reference=is_reference,
        accepted=accepted,
        rejected=all_values - accepted,
        expected=expected,
        flags=flags,
        last_ingested_at=_last_ingested(inside),
    )


def observation_flags(observed: Observations) -> Ints:
    """For each observation the checks that it failed, as bits; each check sees what the ones before it left."""
    flags = np.zeros(len(observed.station), dtype=np.int64)
    flags[quality.out_of_range(observed.temperature_celsius)] = Flag.RANGE
    for check, flag in ((quality.spike, Flag.STEP), (quality.step, Flag.STEP), (quality.flat_line, Flag.FLAT_LINE)):
        left = np.flatnonzero((flags == 0) & ~np.isnan(observed.temperature_celsius))
        series = observed.station[left], observed.observed_at[left], observed.temperature_celsius[left]
        flags[left[check(*series)]] |= flag
    return flags


def station_flags(mean: Floats, stations: Stations) -> Ints:
    """For each station the checks against the network that its mean failed, as bits; heights do not count as error."""
    known_heights = stations.elevation_m[~np.isnan(stations.elevation_m)]
    height = float(np.median(known_heights)) if len(known_heights) else 0.0
    level = heat.at_height(mean, stations.elevation_m, height)
    flags = np.zeros(len(mean), dtype=np.int64)
    flags[network_outlier(level, heat.is_rural(stations.zone, stations.reference))] = Flag.OUTLIER
    origin = origin_of(stations.latitude, stations.longitude)
    place = plane_km(stations.latitude, stations.longitude, origin)
    flags[neighbour_outlier(np.where(flags == 0, level, np.nan), distances_km(place, place))] = Flag.NEIGHBOURS
    return flags


def _count(observed: Observations) -> Ints:
    return np.bincount(observed.station, minlength=len(observed.stations))


def _mean(observed: Observations, values: Floats) -> Floats:
    """Mean by station; `bincount` adds one after the other in sorted order, so it is the same on every machine."""
    total = np.bincount(observed.station, weights=values, minlength=len(observed.stations))
    with np.errstate(invalid="ignore"):
        return np.asarray(total / _count(observed))


def _mean_humidity(observed: Observations) -> Floats:
    known = observed.take((observed.humidity_ratio >= 0) & (observed.humidity_ratio <= 1))
    return _mean(known, known.humidity_ratio)


def _lowest(observed: Observations) -> Floats:
    lowest = np.full(len(observed.stations), np.inf)
    np.minimum.at(lowest, observed.station, observed.temperature_celsius)
    return lowest


def _last_ingested(observed: Observations) -> Ints:
    newest = np.zeros(len(observed.stations), dtype=np.int64)
    np.maximum.at(newest, observed.station, observed.ingested_at)
    return newest


def _any_of(observed: Observations, flags: Ints) -> Ints:
    together = np.zeros(len(observed.stations), dtype=np.int64)
    np.bitwise_or.at(together, observed.station, flags)
    return together
