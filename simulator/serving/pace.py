"""Keeps sources together while history is played: how far each has come goes in, a limit for the clock comes out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from simulator.clock import CityClock

MAX_SKEW_SECONDS = 1800  # city time by which a source may be ahead of another
FOLLOWED_SKEW_SECONDS = 3600  # the same for who is only looked at, now and then
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


@dataclass
class _Followed:
    """A consumer that says of itself how far it has come."""

    reached: float
    last_seen: float


class Pace:
    """The runners of a city, and when its clock may begin.

    A broker takes messages whether or not anybody reads them. So consumers are followed as well, where they say how
    far they have come.
    """

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
        self._followed: dict[str, _Followed] = {}

    def saw(self, reached: Mapping[str, float]) -> None:
        """Notes the city times that consumers have reached, by their names.

        One that stands still is away; what was before the city's start says nothing.
        """
        for name, at in reached.items():
            known = self._followed.get(name)
            if at >= self.clock.start and (known is None or at > known.reached):
                self._followed[name] = _Followed(at, self._real())

    def is_time_to_begin(self) -> bool:
        """Whether everybody has come (some grace ago), or nobody is worth waiting for any longer."""
        now = self._real()
        if any(r.last_seen is None for r in self._runners):
            return now - self._opened >= self._patience
        self._complete = now if self._complete is None else self._complete
        return now - self._complete >= self._grace

    def hold(self) -> None:
        """Sets the clock's limit: in history no source runs far ahead of the slowest that still moves."""
        limits = [r.reached + MAX_SKEW_SECONDS for r in self._runners if self._is_here(r)]
        limits += [f.reached + FOLLOWED_SKEW_SECONDS for f in self._followed.values() if self._is_here(f)]
        self.clock.limit = min(limits, default=math.inf)

    def release(self, until: float = math.inf) -> None:
        """Takes the limit away: live, a source that is slow is late. At a city time given, the clock stands."""
        self.clock.limit = until

    def _is_here(self, runner: Runner | _Followed) -> bool:
        seen = runner.last_seen
        return seen is not None and self._real() - seen < _AWAY_SECONDS
