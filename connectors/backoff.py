"""Pauses between attempts."""

from __future__ import annotations

from random import SystemRandom

_random = SystemRandom()


class Backoff:
    """Pauses in seconds with full jitter: uniform below a bound that doubles from `first` up to `cap`."""

    def __init__(self, first: float, cap: float) -> None:
        self._first = first
        self._cap = cap
        self._bound = first

    def next(self) -> float:
        """The next pause in seconds; the one after may be twice as long."""
        pause = _random.uniform(0, self._bound)
        self._bound = min(self._cap, self._bound * 2)
        return pause

    def reset(self) -> None:
        """After a success: begin anew."""
        self._bound = self._first
