"""A field from single stations: their values and distances come in; values with standard errors at any place go out.

Ordinary kriging with a fitted exponential variogram; weights of inverse square distance where stations are few, or
far too many.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from jobs.indicators.heat_observations import Floats
from jobs.indicators.interpolation_variogram import Variogram, fitted_variogram

#: Under this a variogram is guesswork.
FEWEST_FOR_KRIGING = 10
#: Over this the system takes seconds, and the nearest stations decide anyway.
MOST_FOR_KRIGING = 600
_NEAREST_KM = 0.001


class Method(StrEnum):
    """How a field was made."""

    ORDINARY_KRIGING = "ordinary_kriging"
    INVERSE_DISTANCE = "inverse_distance"
    NONE = "none"  # no station


@dataclass(frozen=True)
class Field:
    """Interpolated values, in the unit of the stations'; NaN where nothing is known."""

    values: Floats
    standard_error: Floats
    method: Method


def interpolated(values: Floats, between: Floats, targets: Floats) -> Field:
    """The field at the targets from known values; distances in km between stations (n, n), to the targets (m, n)."""
    unknown = np.full(len(targets), np.nan)
    if not len(values):
        return Field(unknown, unknown, Method.NONE)
    if FEWEST_FOR_KRIGING <= len(values) <= MOST_FOR_KRIGING:
        try:
            field, error = kriged(values, between, targets, fitted_variogram(values, between))
        except np.linalg.LinAlgError:  # stations in a constellation that has no solution
            pass
        else:
            return Field(field, error, Method.ORDINARY_KRIGING)
    return Field(inverse_distance(values, targets), unknown, Method.INVERSE_DISTANCE)


def kriged(values: Floats, between: Floats, targets: Floats, variogram: Variogram) -> tuple[Floats, Floats]:
    """Best linear unbiased estimate at the targets and its standard error (ordinary kriging).

    Raises:
        numpy.linalg.LinAlgError: the system has no solution.
    """
    n = len(values)
    system = np.ones((n + 1, n + 1))
    system[:n, :n] = variogram(between)
    # two stations at one place: their difference is the nugget, not nothing
    system[:n, :n][(between == 0) & ~np.eye(n, dtype=bool)] = variogram.nugget
    system[n, n] = 0.0
    right = np.ones((n + 1, len(targets)))
    right[:n] = variogram(targets).T
    weights = np.linalg.solve(system, right)
    variance = np.einsum("ij,ij->j", weights, right)
    mean = float(values.mean())  # weights add to one; small numbers lose less
    return mean + (values - mean) @ weights[:n], np.sqrt(np.maximum(variance, 0.0))


def inverse_distance(values: Floats, targets: Floats) -> Floats:
    """Mean of the stations weighted by the inverse square of their distance (km) to each target."""
    weights = np.maximum(targets, _NEAREST_KM) ** -2
    return np.asarray((weights @ values) / weights.sum(axis=1))
