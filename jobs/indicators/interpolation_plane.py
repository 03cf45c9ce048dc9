"""A city as a plane: degrees come in, kilometres go out."""

from __future__ import annotations

import math

import numpy as np

from jobs.indicators.heat_observations import Bools, Floats

EARTH_RADIUS_KM = 6371.0088


def origin_of(latitude: Floats, longitude: Floats) -> tuple[float, float]:
    """The median place, which one wrong place does not move; 0, 0 when all are unknown."""
    known = ~np.isnan(latitude)
    if not known.any():
        return 0.0, 0.0
    return float(np.median(latitude[known])), float(np.median(longitude[known]))


def plane_km(latitude: Floats, longitude: Floats, origin: tuple[float, float]) -> Floats:
    """Kilometres east and north of the origin; (n, 2), NaN where unknown. Right to 1 % within 50 km of it."""
    per_degree = EARTH_RADIUS_KM * math.pi / 180
    east = (longitude - origin[1]) * (per_degree * math.cos(math.radians(origin[0])))
    return np.column_stack([east, (latitude - origin[0]) * per_degree])


def distances_km(a: Floats, b: Floats) -> Floats:
    """Distance of each point of a from each of b (km); (len(a), len(b))."""
    return np.asarray(np.sqrt((a[:, None, 0] - b[None, :, 0]) ** 2 + (a[:, None, 1] - b[None, :, 1]) ** 2))


def convex_hull(points: Floats) -> Floats:
    """The corners of the smallest convex area around the points, counter-clockwise; by Andrew's monotone chain."""
    ordered = sorted({(float(x), float(y)) for x, y in points})
    if len(ordered) < 3:
        return np.array(ordered).reshape(-1, 2)
    lower, upper = _chain(ordered), _chain(ordered[::-1])
    return np.array(lower[:-1] + upper[:-1])


def is_inside(points: Floats, hull: Floats) -> Bools:
    """Where a point is in a convex area or on its edge; nowhere when the area is a line or a point."""
    if len(hull) < 3:
        return np.zeros(len(points), dtype=bool)
    inside = np.ones(len(points), dtype=bool)
    for a, b in zip(hull, np.roll(hull, -1, axis=0), strict=True):
        inside &= (b[0] - a[0]) * (points[:, 1] - a[1]) - (b[1] - a[1]) * (points[:, 0] - a[0]) >= 0
    return inside


def _chain(ordered: list[tuple[float, float]]) -> list[tuple[float, float]]:
    chain: list[tuple[float, float]] = []
    for x, y in ordered:
        while len(chain) > 1:
            (x0, y0), (x1, y1) = chain[-2:]
            if (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) > 0:
                break
            chain.pop()
        chain.append((x, y))
    return chain
