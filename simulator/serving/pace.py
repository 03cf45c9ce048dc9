"""Keeps sources together while history is played: how far each has come goes in, a limit for the clock comes out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from simulator.clock import CityClock

MAX_SKEW_SECONDS = 1800  # city time by which a source may be ahead of another
_AWAY_SECONDS = 15.0  # a client that has not asked for so long holds nobody up


class Runner(Protocol):
    """A source that somebody takes from."""

    @property
    def reached(self) -> float:
        """City time up to which it has been taken."""
        ...

    @property
    def last_seen(self) -> float | None:
        """Real (monotonic) time at which somebody last took from it; None: never."""
        ...


class Pace:
    """The runners of a city, and when its clock may begin."""

    def __init__(
        self,
        clock: CityClock,
        runners: Sequence[Runner],
        *,
        patience_seconds: float,
        grace_seconds: float,
        real: Callable[[], float] = time.monotonic,
    ) -> None:
        self.clock = clock
        self._runners = runners
        self._patience = patience_seconds
        self._grace = grace_seconds
        self._real = real
        self._opened = real()
        self._complete: float | None = None

    def is_time_to_begin(self) -> bool:
        """Whether everybody has come (some grace ago), or nobody is worth waiting for any longer."""
        now = self._real()
        if any(r.last_seen is None for r in self._runners):
            return now - self._opened >= self._patience
        self._complete = now if self._complete is None else self._complete
        return now - self._complete >= self._grace

    def hold(self) -> None:
        """Sets the clock's limit: in history no source runs far ahead of the slowest that still moves."""
        slowest = min((r.reached for r in self._runners if self._is_here(r)), default=math.inf)
        self.clock.limit = slowest + MAX_SKEW_SECONDS

    def release(self) -> None:
        """Takes the limit away: live, a source that is slow is late."""
        self.clock.limit = math.inf

    def _is_here(self, runner: Runner) -> bool:
        seen = runner.last_seen
        return seen is not None and self._real() - seen < _AWAY_SECONDS
