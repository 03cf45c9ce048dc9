"""Robust statistics for small networks: the Qn scale, and quantiles of Student's t."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from jobs.indicators.heat_observations import Floats

#: Small-sample factors of Croux and Rousseeuw (1992), "Time-efficient algorithms for two highly robust estimators of
#: scale", for n from 2 to 9; and the factor that makes Qn a standard deviation where values are normal.
_SMALL = (0.399, 0.994, 0.512, 0.844, 0.611, 0.857, 0.669, 0.872)
_NORMAL = 2.2219
#: From here on Student's t and the normal distribution differ by less than the data deserves.
_MANY = 100


def qn_scale(values: Floats) -> float:
    """Qn of Rousseeuw and Croux (1993): a standard deviation that half of the values may be wrong under; 0 for one."""
    n = len(values)
    if n < 2:
        return 0.0
    half = n // 2 + 1
    rank = half * (half - 1) // 2 - 1
    a, b = np.triu_indices(n, k=1)
    kth = np.partition(np.abs(values[a] - values[b]), rank)[rank]
    return float(_NORMAL * _finite_sample(n) * kth)


def quantile(probability: float, count: int) -> float:
    """Quantile of the standardised value of one among count: Student's t below a hundred, normal from there on."""
    return NormalDist().inv_cdf(probability) if count >= _MANY else student_t(probability, count - 1)


@lru_cache(maxsize=512)
def student_t(probability: float, freedom: int) -> float:
    """Quantile of Student's t, by Newton's method on its integrated density.

    Raises:
        ValueError: the probability is not between 0 and 1, or there is no degree of freedom.
    """
    if not 0 < probability < 1 or freedom < 1:
        raise ValueError("needs 0 < probability < 1 and at least one degree of freedom")
    if probability < 0.5:
        return -student_t(1 - probability, freedom)
    t = 0.0
    for _ in range(100):  # the density falls from 0 on, so Newton comes from below and never overshoots
        move = (probability - 0.5 - _integral(t, freedom)) / _density(t, freedom)
        t += move
        if abs(move) < 1e-12 * max(1.0, t):
            break
    return t


def _finite_sample(n: int) -> float:
    if n < len(_SMALL) + 2:
        return _SMALL[n - 2]
    return n / (n + (1.4 if n % 2 else 3.8))


def _density(t: float, freedom: int) -> float:
    log_scale = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - math.log(freedom * math.pi) / 2
    return math.exp(log_scale - (freedom + 1) / 2 * math.log1p(t * t / freedom))


def _integral(t: float, freedom: int) -> float:
    """The density's integral from 0 to t, in sin form so that a long tail stays smooth."""
    x, w = _gauss_legendre()
    top = math.atan(t / math.sqrt(freedom))
    angle = (x + 1) * top / 2
    return _density(0.0, freedom) * math.sqrt(freedom) * top / 2 * float(np.sum(w * np.cos(angle) ** (freedom - 1)))


@lru_cache(maxsize=1)
def _gauss_legendre() -> tuple[Floats, Floats]:
    x, w = np.polynomial.legendre.leggauss(64)
    return x, w
