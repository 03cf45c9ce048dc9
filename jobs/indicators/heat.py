"""Formulas of urban heat: humidex, height, rural reference. Arrays in °C and m come in and go out; NaN is unknown."""

from __future__ import annotations

import numpy as np

from jobs.indicators.heat_observations import FIRST_LAND_COVER_ZONE, ZONES, Bools, Floats, Ints

#: Lapse rate of the standard atmosphere, °C per metre.
LAPSE_RATE = 0.0065
#: A night is tropical when the air stays at this or above.
TROPICAL_NIGHT_CELSIUS = 20.0


def humidex(temperature: Floats, humidity_ratio: Floats) -> Floats:
    """Humidex (°C) of Masterton and Richardson (1979), from air temperature and relative humidity as a ratio (0–1)."""
    saturation_hpa = 6.112 * 10 ** (7.5 * temperature / (237.7 + temperature))
    return np.asarray(temperature + 5 / 9 * (saturation_hpa * humidity_ratio - 10))


def at_height(temperature: Floats, elevation: Floats, height: Floats | float) -> Floats:
    """Temperature (°C) brought to another height by 6.5 °C a kilometre; as it is where a height is unknown."""
    correction = LAPSE_RATE * (elevation - height)
    return np.asarray(temperature + np.where(np.isnan(correction), 0.0, correction))


def reference_at(temperature: Floats, elevation: Floats, heights: Floats) -> Floats:
    """Mean (°C) of the reference stations, each brought to each of the heights; NaN when there is no station."""
    if not len(temperature):
        return np.full(len(heights), np.nan)
    return np.asarray(at_height(temperature[:, None], elevation[:, None], heights[None, :]).mean(axis=0))


def is_rural(zone: Ints, reference: Ints) -> Bools:
    """Where a station is a rural reference or stands in a zone of land cover (A–G)."""
    return np.asarray((reference == 1) | (zone >= FIRST_LAND_COVER_ZONE))


def reference_stations(usable: Bools, zone: Ints, reference: Ints) -> tuple[Bools, bool]:
    """Which usable stations make the reference, and whether the zone had to choose them.

    Those declared as rural reference; else those over low plants (D, the standard of Stewart and Oke 2012); else the
    other zones with plants (A–C); else none.
    """
    declared = usable & (reference == 1)
    if declared.any():
        return declared, False
    for zones in (("D",), ("A", "B", "C")):
        chosen = usable & np.isin(zone, [ZONES.index(z) for z in zones])
        if chosen.any():
            return chosen, True
    return np.zeros(len(zone), dtype=bool), False


def tropical_nights(lowest: Floats, is_complete: Bools, threshold: float = TROPICAL_NIGHT_CELSIUS) -> list[bool | None]:
    """Whether each night stayed at or above the threshold (°C); None while one that is above is incomplete."""
    is_below = lowest < threshold
    is_known = is_below | (is_complete & ~np.isnan(lowest))
    return [bool(not below) if known else None for below, known in zip(is_below, is_known, strict=True)]
