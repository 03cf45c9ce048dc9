"""Quality control of a station against its network: hourly means at one height come in, masks of outliers go out.

After the levels m2 and m5 of CrowdQC+ (Fenner et al. 2021, https://doi.org/10.3389/fenvs.2021.720747). Those were made
for hundreds of private stations; a municipal network has fifty, of which five are rural, and the difference between
them is what we are here for. So a station must be improbable **and** further off than a heat island can explain.
"""

from __future__ import annotations

import numpy as np

from jobs.indicators.heat_observations import Bools, Floats
from jobs.indicators.quality_robust import qn_scale, quantile

#: m2: probabilities under which a value is too low, over which too high (the usual error is sun on the sensor).
OUTLIER_PROBABILITIES = (0.01, 0.95)
#: m5: the same for neighbours, to both sides.
NEIGHBOUR_PROBABILITIES = (0.05, 0.95)
FEWEST_STATIONS = 5
NEIGHBOURHOOD_KM = 3.0

#: A heat island of this strength is kept, whatever the statistics say (°C, by hour).
STRONGEST_HEAT_ISLAND = 8.0
#: Among stations of the same kind (built, or land cover) there is less between them.
STRONGEST_AMONG_ALIKE = 6.0
#: A heat island's edge or a large park makes up to this within the neighbourhood.
STRONGEST_AMONG_NEIGHBOURS = 5.0


def network_outlier(temperature: Floats, is_rural: Bools) -> Bools:
    """Where a mean (°C, all at one height) is too far from the network's median; unknown ones are not.

    Like is compared with like where there are five of a kind, for the median of a network belongs to its majority.
    """
    is_outlier = np.zeros(len(temperature), dtype=bool)
    known = ~np.isnan(temperature)
    for kind in (known & is_rural, known & ~is_rural):
        alike = int(kind.sum()) >= FEWEST_STATIONS
        peers, tolerance = (kind, STRONGEST_AMONG_ALIKE) if alike else (known, STRONGEST_HEAT_ISLAND)
        if peers.sum() >= FEWEST_STATIONS:
            is_outlier[kind] = _is_off(temperature[kind], temperature[peers], OUTLIER_PROBABILITIES, tolerance)
    return is_outlier


def neighbour_outlier(temperature: Floats, distance_km: Floats) -> Bools:
    """Where a mean (°C, all at one height) is too far from five or more known ones within 3 km."""
    known = ~np.isnan(temperature)
    is_near = (distance_km <= NEIGHBOURHOOD_KM) & known[:, None] & known[None, :]
    np.fill_diagonal(is_near, val=False)
    is_outlier = np.zeros(len(temperature), dtype=bool)
    for i in np.flatnonzero(is_near.sum(axis=1) >= FEWEST_STATIONS):
        neighbours = temperature[is_near[i]]
        is_outlier[i] = _is_off(
            temperature[i : i + 1], neighbours, NEIGHBOUR_PROBABILITIES, STRONGEST_AMONG_NEIGHBOURS
        )[0]
    return is_outlier


def _is_off(values: Floats, peers: Floats, probabilities: tuple[float, float], tolerance: float) -> Bools:
    deviation = values - np.median(peers)
    is_far = np.abs(deviation) > tolerance
    if not is_far.any():
        return is_far
    low, high = (quantile(p, len(peers)) * qn_scale(peers) for p in probabilities)
    return is_far & ((deviation < low) | (deviation > high))
