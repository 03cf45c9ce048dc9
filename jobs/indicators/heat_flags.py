"""The quality flags of the heat figures: bits while they are computed, sorted words in a document."""

from __future__ import annotations

from enum import IntFlag
from functools import lru_cache


class Flag(IntFlag):
    """What is to be said of a figure; its name in lower case is the word that a document carries."""

    EXTRAPOLATED = 1  # outside the stations that the map stands on
    FEW_OBSERVATIONS = 2  # under three quarters of those expected
    FLAT_LINE = 4  # observations left out: the sensor repeats one value
    INCOMPLETE_NIGHT = 8  # an hour is missing, or has few observations
    MISSING_ELEVATION = 16  # the station's or a reference's: no height correction
    NEIGHBOURS = 32  # left out: too far from the stations within 3 km
    NO_REFERENCE = 64  # no rural reference, so no intensity
    NO_TEMPERATURE = 128  # reported, but no temperature
    OUTLIER = 256  # left out: too far from the network
    RANGE = 512  # observations left out: impossible values
    REFERENCE_BY_LCZ = 1024  # no declared reference passed: chosen by local climate zone
    STEP = 2048  # observations left out: jumps


@lru_cache(maxsize=4096)
def flag_words(mask: int) -> tuple[str, ...]:
    """The words of the flags in a mask, sorted."""
    return tuple(sorted(flag.name.lower() for flag in Flag if flag.name and mask & flag))
