"""Quality control of single temperatures: a station's series comes in, masks of what is doubtful go out. Pure numpy.

Every mask is True where the check fails. Series are sorted by station and time; times are microseconds.
The checks are those of QARTOD (gross range, spike and rate of change, flat line); the thresholds are ours and stand
below with their reason.
"""

from __future__ import annotations

import numpy as np

from jobs.indicators.heat_observations import Bools, Floats, Ints

MINUTE = 60_000_000

#: Beyond every record of mainland France (−36.7 °C Mouthe 1968, 46.0 °C Vérargues 2019), with some room.
RANGE_CELSIUS = (-40.0, 50.0)
#: There and back within two steps: the air of a storm's outflow does not come back, a disturbed sensor does.
SPIKE_CELSIUS = 4.0
#: A storm's outflow takes 10 °C off in a quarter of an hour, hardly more.
STEP_CELSIUS = 10.0
STEP_TIME = 15 * MINUTE
#: Values further apart say nothing of each other's step.
LONGEST_STEP = 60 * MINUTE
#: A calm foggy night gives the same tenth of a degree for an hour; so both are asked for, and that the others moved.
FLAT_VALUES = 6
FLAT_TIME = 90 * MINUTE
MOVED_CELSIUS = 1.0


def out_of_range(temperature: Floats) -> Bools:
    """Where the temperature (°C) is none that the air of a French city can have; unknown ones are not."""
    low, high = RANGE_CELSIUS
    return (temperature < low) | (temperature > high)


def spike(station: Ints, time: Ints, temperature: Floats) -> Bools:
    """Where a value stands out from the one before and the one after, to the same side."""
    is_spike = np.zeros(len(temperature), dtype=bool)
    if len(temperature) < 3:
        return is_spike
    rise = np.where(_is_next(station, time), np.diff(temperature), 0.0)
    there, back = rise[:-1], -rise[1:]
    is_spike[1:-1] = (there * back > 0) & (np.minimum(np.abs(there), np.abs(back)) > SPIKE_CELSIUS)
    return is_spike


def step(station: Ints, time: Ints, temperature: Floats) -> Bools:
    """Where a value jumped from or to its neighbour faster than the air changes; of the two, the less usual one."""
    is_step = np.zeros(len(temperature), dtype=bool)
    if len(temperature) < 2:
        return is_step
    allowed = STEP_CELSIUS * np.maximum(1.0, np.diff(time) / STEP_TIME)
    after = 1 + np.flatnonzero(_is_next(station, time) & (np.abs(np.diff(temperature)) > allowed))
    unusual = np.abs(temperature - _usual(station, temperature))
    is_step[np.where(unusual[after - 1] > unusual[after], after - 1, after)] = True
    return is_step


def flat_line(station: Ints, time: Ints, temperature: Floats) -> Bools:
    """Where a station repeats one value for 90 minutes, six times or more, while the median other moves by 1 °C."""
    is_flat = np.zeros(len(temperature), dtype=bool)
    if not len(temperature):
        return is_flat
    is_first = np.ones(len(temperature), dtype=bool)
    is_first[1:] = (np.diff(station) != 0) | (np.diff(temperature) != 0)
    first = np.flatnonzero(is_first)
    end = np.append(first[1:], len(temperature))
    is_long = (end - first >= FLAT_VALUES) & (time[end - 1] - time[first] >= FLAT_TIME)
    for a, b in zip(first[is_long], end[is_long], strict=True):
        if _movement_of_others(station, time, temperature, a, b) >= MOVED_CELSIUS:
            is_flat[a:b] = True
    return is_flat


def _movement_of_others(station: Ints, time: Ints, temperature: Floats, first: int, end: int) -> float:
    """Median over the other stations of how far their temperature went during a run of values; 0 without others."""
    during = (time >= time[first]) & (time <= time[end - 1]) & (station != station[first])
    if not during.any():
        return 0.0
    others, values = station[during], temperature[during]
    start = np.flatnonzero(np.append(True, np.diff(others) != 0))
    return float(np.median(np.maximum.reduceat(values, start) - np.minimum.reduceat(values, start)))


def _usual(station: Ints, temperature: Floats) -> Floats:
    """For each value the median of its series (of two the lower)."""
    by_size = temperature[np.lexsort((temperature, station))]
    first = np.flatnonzero(np.append(True, np.diff(station) != 0))
    length = np.diff(np.append(first, len(station)))
    return np.asarray(np.repeat(by_size[first + (length - 1) // 2], length))


def _is_next(station: Ints, time: Ints) -> Bools:
    """Where an element follows the one before it in the same series, soon enough to be compared with it."""
    return np.asarray((np.diff(station) == 0) & (np.diff(time) <= LONGEST_STEP))
