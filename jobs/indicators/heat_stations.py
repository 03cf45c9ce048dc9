"""The stations of a window: observations come in; place, height, zone and interval of each station go out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jobs.indicators.heat_observations import UNKNOWN, Descriptions, Floats, Ints, Observations

MINUTE = 60_000_000


@dataclass(frozen=True)
class Stations:
    """One element for each station of the observations; an unknown number is NaN, an unknown code UNKNOWN."""

    latitude: Floats
    longitude: Floats
    elevation_m: Floats
    zone: Ints
    reference: Ints
    interval_minutes: Floats


def stations_of(observed: Observations) -> Stations:
    """What is known of each station; where descriptions differ within a window, the greatest value, in any order."""
    described, count = observed.described, len(observed.stations)
    latitude, longitude = _places(described, count)
    return Stations(
        latitude=latitude,
        longitude=longitude,
        elevation_m=_greatest(described.elevation_m, described.station, count),
        zone=_greatest_code(described.zone, described.station, count),
        reference=_greatest_code(described.reference, described.station, count),
        interval_minutes=_intervals(observed),
    )


def _places(described: Descriptions, count: int) -> tuple[Floats, Floats]:
    """The place of each station, its two numbers from one description."""
    latitude, longitude = np.full(count, np.nan), np.full(count, np.nan)
    known = np.flatnonzero(~np.isnan(described.latitude) & ~np.isnan(described.longitude))
    order = known[np.lexsort((described.longitude[known], described.latitude[known]))]
    latitude[described.station[order]] = described.latitude[order]  # the last one stays
    longitude[described.station[order]] = described.longitude[order]
    return latitude, longitude


def _greatest(values: Floats, station: Ints, count: int) -> Floats:
    greatest = np.full(count, np.nan)
    np.fmax.at(greatest, station, values)
    return greatest


def _greatest_code(codes: Ints, station: Ints, count: int) -> Ints:
    greatest = np.full(count, UNKNOWN, dtype=np.int64)
    np.maximum.at(greatest, station, codes)
    return greatest


def _intervals(observed: Observations) -> Floats:
    """Median step of each station in whole minutes; the network's where a station has one value; NaN without any.

    The median, and the lower of two: a lost message makes one step longer, an extra one a step shorter.
    """
    same = np.diff(observed.station) == 0
    station = observed.station[1:][same]
    minutes = np.maximum(1, np.rint(np.diff(observed.observed_at)[same] / MINUTE))
    order = np.lexsort((minutes, station))
    station, minutes = station[order], minutes[order]
    first = np.flatnonzero(np.append(True, np.diff(station) != 0)[: len(station)])
    steps = np.diff(np.append(first, len(station)))
    own = minutes[first + (steps - 1) // 2]
    intervals = np.full(len(observed.stations), np.sort(own)[(len(own) - 1) // 2] if len(own) else np.nan)
    intervals[station[first]] = own
    return intervals
