"""Chance without memory: a key and whole numbers (entity, second) come in, the same numbers come out every time.

A counter-based generator (SplitMix64, Steele, Lea and Flood 2014) instead of a stream of random numbers: any entity at
any time can be asked for on its own, in any order, by any process.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_MAX_POISSON = 12


@lru_cache(maxsize=4096)
def key(*parts: str | int) -> int:
    """A 64-bit key for a use of chance; equal parts give equal keys in every process."""
    return int.from_bytes(blake2b(repr(parts).encode(), digest_size=8).digest())


def uniform(of: int, *coordinates: Ints) -> Floats:
    """Numbers in [0, 1), one for each combination of the coordinates, which broadcast."""
    return np.asarray((_bits(of, coordinates) >> np.uint64(11)) * 2.0**-53, dtype=np.float64)


def normal(of: int, *coordinates: Ints) -> Floats:
    """Bell-shaped numbers of mean 0 and deviation 1 that stay within ±3.47 (Irwin–Hall, four uniforms)."""
    bits = _bits(of, coordinates)
    parts = sum((bits >> np.uint64(s)) & np.uint64(0xFFFF) for s in (0, 16, 32, 48))
    return np.asarray((np.asarray(parts, dtype=np.float64) / 65536.0 + 2.0 / 65536.0 - 2.0) * 3.0**0.5)


def poisson(of: int, mean: Floats, *coordinates: Ints) -> Ints:
    """Counts of that mean: exact below 3, from there on the bell curve, cut at zero."""
    mean = np.asarray(mean, dtype=np.float64)
    large = np.rint(mean + np.sqrt(mean) * normal(of, *coordinates))
    u = uniform(of, *coordinates)
    term = np.exp(-mean)
    below = np.zeros(np.broadcast(mean, u).shape)
    cumulative = np.zeros_like(below)
    for k in range(_MAX_POISSON):
        cumulative = cumulative + term
        below += u >= cumulative
        term = term * mean / (k + 1)
    return np.where(mean < 3, below, np.maximum(large, 0)).astype(np.int64)


def smooth(of: int, entities: Ints, times: Ints, period: int) -> Floats:
    """Bell-shaped numbers (entities × times) that change gently: straight lines between knots a period apart."""
    first = times // period
    knots, where = np.unique(np.concatenate([first, first + 1]), return_inverse=True)
    values = normal(of, entities[:, None], knots[None, :])
    left, right = values[:, where[: len(times)]], values[:, where[len(times) :]]
    return left + (right - left) * ((times % period) / period)


def _bits(of: int, coordinates: tuple[Ints, ...]) -> NDArray[np.uint64]:
    # Wrapping around is what the generator does; numpy warns of it for scalars only, so everything is an array.
    state = np.asarray([of], dtype=np.uint64)
    for c in coordinates:
        state = _mix(state + (np.atleast_1d(np.asarray(c, dtype=np.int64)).view(np.uint64) + np.uint64(1)) * _GOLDEN)
    return state


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    return z ^ (z >> np.uint64(31))
