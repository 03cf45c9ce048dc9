"""A network's night: distinct observations come in; minimum, tropical night, intensity and degree-hours go out.

The night is 18:00–06:00 UTC, the twelve hours over which WMO Region VI (Europe) reports the night's minimum (Manual on
Codes, WMO-No. 306, Volume II, group 2sTnTnTn at 06 UTC). In Toulouse it is 20:00–08:00 in summer, holds sunset and
sunrise from April to September, and is as long in every night of the year, whatever the clocks do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jobs.indicators import heat
from jobs.indicators.heat_flags import Flag
from jobs.indicators.heat_hours import ENOUGH, HOUR, NetworkHour, network_hour
from jobs.indicators.heat_observations import Bools, Floats, Ints, Observations
from jobs.indicators.heat_stations import Stations, stations_of

NIGHT_HOURS = 12
#: From noon UTC, where the group of a night's observations begins, to the night.
NOON_TO_NIGHT = 6 * HOUR


@dataclass(frozen=True)
class NetworkNight:
    """One night; an array has one element for each station of the observations, whether it reported or not."""

    stations: Stations
    has_reported: Bools
    lowest_celsius: Floats
    is_tropical: list[bool | None]
    mean_intensity_celsius: Floats
    degree_hours: Floats  # K·h
    hours_count: Ints
    accepted: Ints
    rejected: Ints
    flags: Ints
    last_ingested_at: Ints  # µs

    @property
    def coverage_ratio(self) -> Floats:
        """Share (0–1) of the night's hours that have a mean temperature."""
        return self.hours_count / NIGHT_HOURS


def network_night(observed: Observations, noon: int) -> NetworkNight:
    """The night after noon (µs UTC): twelve hours as `network_hour` gives them, so that both say the same."""
    first = noon + NOON_TO_NIGHT
    hours = [network_hour(observed, first + i * HOUR) for i in range(NIGHT_HOURS)]
    has_figure = np.array([h.accepted > 0 for h in hours])
    lowest = np.fmin.reduce([h.lowest_celsius for h in hours])
    is_complete = np.all([h.accepted >= ENOUGH * h.expected for h in hours], axis=0)
    mean_intensity, degree_hours = _intensities(hours)
    flags = np.bitwise_or.reduce([np.where(h.has_reported, h.flags, 0) for h in hours])
    return NetworkNight(
        stations=stations_of(observed.between(first - HOUR, first + NIGHT_HOURS * HOUR)),
        has_reported=np.any([h.has_reported for h in hours], axis=0),
        lowest_celsius=lowest,
        is_tropical=heat.tropical_nights(lowest, is_complete),
        mean_intensity_celsius=mean_intensity,
        degree_hours=degree_hours,
        hours_count=has_figure.sum(axis=0),
        accepted=np.sum([h.accepted for h in hours], axis=0),
        rejected=np.sum([h.rejected for h in hours], axis=0),
        flags=flags | np.where(is_complete, 0, Flag.INCOMPLETE_NIGHT),
        last_ingested_at=np.max([h.last_ingested_at for h in hours], axis=0),
    )


def _intensities(hours: list[NetworkHour]) -> tuple[Floats, Floats]:
    """Mean intensity (K) and degree-hours (K·h) over the hours that have an intensity; NaN where none has."""
    intensity = np.array([h.intensity_celsius for h in hours])
    count = (~np.isnan(intensity)).sum(axis=0)
    some = np.where(count > 0, 1.0, np.nan)
    total, above = np.nansum(intensity, axis=0), np.nansum(np.maximum(intensity, 0.0), axis=0)
    return total / np.maximum(count, 1) * some, above * some
