"""What is known of the stations themselves: observations come in; place, height, zone and interval of each go out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jobs.indicators.heat_observations import UNKNOWN, Bools, Floats, Ints, Observations

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
    """The newest that the observations say of each station."""
    has_place = ~np.isnan(observed.latitude) & ~np.isnan(observed.longitude)
    return Stations(
        latitude=_newest_number(observed, observed.latitude, has_place),
        longitude=_newest_number(observed, observed.longitude, has_place),
        elevation_m=_newest_number(observed, observed.elevation_m, ~np.isnan(observed.elevation_m)),
        zone=_newest_code(observed, observed.zone),
        reference=_newest_code(observed, observed.reference),
        interval_minutes=_intervals(observed),
    )


def _newest_number(observed: Observations, values: Floats, known: Bools) -> Floats:
    newest = np.full(len(observed.stations), np.nan)
    newest[observed.station[known]] = values[known]  # sorted by time: the last one stays
    return newest


def _newest_code(observed: Observations, codes: Ints) -> Ints:
    newest = np.full(len(observed.stations), UNKNOWN, dtype=np.int64)
    known = codes != UNKNOWN
    newest[observed.station[known]] = codes[known]
    return newest


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
