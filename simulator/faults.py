"""Known faults: rates and a seed come in; which records are repeated, broken, late or stale goes out, always the same.

No fault harms what is true: a broken record comes beside the good one, a repetition repeats it, a spike is one more
reading, a frozen feed says the rest afterwards. Only what is late may come too late for a window.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from simulator.chance import Ints, key, uniform


class Kind(StrEnum):
    """What can be wrong with a record."""

    DUPLICATE = "duplicate"  # the same record once more
    DISORDER = "disorder"  # after younger ones, within a bound
    LATE = "late"  # beyond that bound
    BROKEN = "broken"  # bytes or a field that cannot be read, of an entity that is not there
    FROZEN = "frozen"  # an old step once more
    SPIKE = "spike"  # a reading far from the truth, between two good ones


@dataclass(frozen=True)
class Freeze:
    """A source that repeats its last step from start to end (seconds since 1970) and says the rest afterwards."""

    source: str
    start: int
    end: int


@dataclass(frozen=True)
class Faults:
    """How often each fault happens, from 0 to 1 of the records (of the answers, where a source is frozen)."""

    duplicate_rate: float = 0.0
    disorder_rate: float = 0.0  # of the radio messages
    disorder_seconds: int = 60
    late_rate: float = 0.0  # of the radio messages
    late_seconds: int = 3 * 3600
    broken_rate: float = 0.0
    frozen_rate: float = 0.0
    spike_rate: float = 0.0  # of the readings of the spiky stations
    spiky_stations: tuple[int, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuses rates that are none."""
        for kind in Kind:
            if not 0 <= self.rate(kind) <= 1:
                raise ValueError(f"{kind}: a rate of {self.rate(kind)} is not between 0 and 1")
        if self.disorder_seconds < 0 or self.late_seconds <= self.disorder_seconds:
            raise ValueError("late_seconds must be more than disorder_seconds, and neither below 0")

    def rate(self, kind: Kind) -> float:
        """How often that happens."""
        return float(getattr(self, f"{kind}_rate"))

    def hits(self, kind: Kind, source: str, entities: Ints, times: Ints) -> Ints:
        """Which of these records of a source have that fault, as indices."""
        if not self.rate(kind) or not len(entities):
            return np.zeros(0, dtype=np.int64)
        return np.flatnonzero(uniform(self._key(kind, source), entities, times) < self.rate(kind))

    def delays(self, source: str, entities: Ints, times: Ints) -> Ints:
        """Seconds by which each record of a source comes after its time: mostly none."""
        delays = np.zeros(len(entities), dtype=np.int64)
        share = uniform(key(self.seed, "delay", source), entities, times)
        for kind, least, most in (
            (Kind.DISORDER, 0, self.disorder_seconds),
            (Kind.LATE, self.disorder_seconds, self.late_seconds),
        ):
            hit = self.hits(kind, source, entities, times)
            delays[hit] = 1 + least + (share[hit] * (most - least - 1)).astype(np.int64)
        return delays

    @property
    def longest_delay(self) -> int:
        """Seconds after its time at which a record comes at the latest."""
        if self.late_rate:
            return self.late_seconds
        return self.disorder_seconds if self.disorder_rate else 0

    def repeats(self, source: str, step: int, period: int) -> int:
        """How often a source answers with that step again before it goes on."""
        last = max((f.end for f in self.freezes if f.source == source and 0 <= f.start - step < period), default=step)
        if last > step:
            return (last - step) // period
        return len(self.hits(Kind.FROZEN, source, np.zeros(1, dtype=np.int64), np.full(1, step)))

    def _key(self, kind: Kind, source: str) -> int:
        return key(self.seed, str(kind), source)


NONE = Faults()

#: What the demo's sensors get wrong.
DEMO = Faults(
    duplicate_rate=0.005,
    disorder_rate=0.02,
    broken_rate=0.0005,
    spike_rate=0.06,
    spiky_stations=(2,),
)
