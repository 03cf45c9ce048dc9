"""The H3 cells of a network: places of stations come in, the cells around them go out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import h3
import numpy as np

from jobs.indicators.heat_observations import Floats

#: Cells of 0.7 km², edge 0.53 km.
RESOLUTION = 8
#: Three rings are 2.8 km around a station, about what it speaks for (CrowdQC+ takes 3 km for neighbours).
RINGS = 3
#: Beyond this the rings shrink; a metropolis of 30 by 30 km has 1,200 cells.
MOST_CELLS = 5000


@dataclass(frozen=True)
class Cells:
    """H3 cells, sorted, with their centres in degrees."""

    ids: tuple[str, ...]
    latitude: Floats
    longitude: Floats


def cells_around(latitude: Floats, longitude: Floats) -> Cells:
    """The cells within three rings of the places.

    They are a union over the stations: one more station only ever adds cells. So what was written in an hour before
    all stations had reported stays right, which the cells within a hull would not grant.
    """
    homes = {h3.latlng_to_cell(a, b, RESOLUTION) for a, b in zip(latitude.tolist(), longitude.tolist(), strict=True)}
    return _cells(tuple(sorted(homes)))


@lru_cache(maxsize=64)
def _cells(homes: tuple[str, ...]) -> Cells:
    for rings in range(RINGS, -1, -1):
        ids = sorted({cell for home in homes for cell in h3.grid_disk(home, rings)})
        if len(ids) <= MOST_CELLS:
            break
    centres = np.array([h3.cell_to_latlng(cell) for cell in ids], dtype=np.float64).reshape(-1, 2)
    return Cells(tuple(ids), centres[:, 0], centres[:, 1])
