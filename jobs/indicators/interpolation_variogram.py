"""How alike two places are by their distance: values at places come in, an exponential variogram goes out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jobs.indicators.heat_observations import Floats

LAGS = 12
RANGES = 16
NUGGET_SHARES = np.array([0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0])
#: Two sensors side by side differ by about 0.05 °C at least; it also keeps stations at one place from being singular.
SMALLEST_NUGGET = 0.05**2


@dataclass(frozen=True)
class Variogram:
    """Half the expected squared difference of two places: 0 at no distance, then the nugget rising to nugget + sill."""

    nugget: float
    sill: float
    range_km: float

    def __call__(self, distance_km: Floats) -> Floats:
        """The variogram at distances (km), in the square of the values' unit."""
        rise = self.nugget - self.sill * np.expm1(-distance_km / self.range_km)
        return np.where(distance_km > 0, rise, 0.0)


def fitted_variogram(values: Floats, distance_km: Floats) -> Variogram:
    """The exponential variogram that fits the pairs of values best; distances are (n, n).

    Pairs up to half the largest distance, in lags that widen with it so that the nugget is seen, weighted by N/h²; the
    best of a fixed grid of ranges and nuggets, each with its least-squares sill: bounded work, always the same answer.
    """
    a, b = np.triu_indices(len(values), k=1)
    distance, half_square = distance_km[a, b], (values[a] - values[b]) ** 2 / 2
    lag, gamma, count = _lags(distance, half_square)
    if not len(lag):
        return Variogram(SMALLEST_NUGGET, 0.0, 1.0)
    ranges = np.geomspace(lag[0] / 2, lag[-1] * 4, RANGES)
    rise = -np.expm1(-lag[None, None, :] / ranges[:, None, None])
    shape = NUGGET_SHARES[None, :, None] + (1 - NUGGET_SHARES[None, :, None]) * rise
    weight = count / lag**2
    sill = (weight * gamma * shape).sum(axis=2) / (weight * shape**2).sum(axis=2)
    misfit = (weight * (gamma - sill[:, :, None] * shape) ** 2).sum(axis=2)
    r, n = np.unravel_index(int(np.argmin(misfit)), misfit.shape)
    share = float(NUGGET_SHARES[n])
    return Variogram(
        nugget=max(SMALLEST_NUGGET, share * float(sill[r, n])),
        sill=(1 - share) * float(sill[r, n]),
        range_km=float(ranges[r]),
    )


def _lags(distance: Floats, half_square: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean distance, mean half square and number of the pairs in each lag; stations at one place say nothing of it."""
    furthest = distance.max(initial=0.0) / 2
    used = (distance > 0) & (distance <= furthest)
    lag = np.minimum(LAGS * np.sqrt(distance[used] / max(furthest, 1e-9)), LAGS - 1).astype(np.int64)
    sums = (np.bincount(lag, weights, minlength=LAGS) for weights in (distance[used], half_square[used], None))
    total_distance, total_half_square, count = sums
    some = count > 0
    return total_distance[some] / count[some], total_half_square[some] / count[some], count[some].astype(np.float64)
