"""A source of a city's events: what it says at a time, with its faults, and how much that is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from simulator.chance import Ints
from simulator.faults import Faults, Kind


@dataclass(frozen=True)
class Counts:
    """How many records were said: good ones (each observation once) and what was wrong with them or beside them."""

    good: int = 0  # distinct observations, the spikes among them
    duplicate: int = 0  # further copies of good ones
    broken: int = 0
    disorder: int = 0  # of the good ones
    late: int = 0  # of the good ones
    spike: int = 0  # of the good ones
    frozen: int = 0  # answers that repeat a step; their records are not counted again

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True)
class Answer:
    """The bytes of one step of a source, and what is in them."""

    body: bytes
    counts: Counts


class Snapshots(ABC):
    """A source that says the state of its entities every `period` seconds, at whole multiples of it."""

    name: str
    event: str
    period: int
    content_type: str

    @abstractmethod
    def entities(self, time: int) -> Ints:
        """Who reports at that time."""

    @abstractmethod
    def payload(self, time: int, twice: Ints, broken: Ints) -> bytes:
        """What they say; `twice` are places among them to be said twice, beside `broken` stands a false record."""

    def answer(self, time: int, faults: Faults) -> Answer:
        """What the source says at a time, faults included."""
        who, twice, broken = self._said(time, faults)
        return Answer(self.payload(time, twice, broken), Counts(len(who), len(twice), len(broken)))

    def counts(self, time: int, faults: Faults) -> Counts:
        """How much that is."""
        return Counts(*map(len, self._said(time, faults)))

    def times(self, start: float, end: float) -> Iterator[int]:
        """The steps from start to end (exclusive)."""
        first = int(-(-start // self.period)) * self.period
        return iter(range(first, int(-(-end // 1)), self.period))

    def _said(self, time: int, faults: Faults) -> tuple[Ints, Ints, Ints]:
        """Who reports, and which of them are said twice and have a broken record beside them."""
        who, at = self.entities(time), np.full(1, time)
        return who, faults.hits(Kind.DUPLICATE, self.name, who, at), faults.hits(Kind.BROKEN, self.name, who, at)
