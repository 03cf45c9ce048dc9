"""Which step of a polled source a client gets: the ETag of the step it has comes in, the next step goes out.

A client that follows max-age and sends If-None-Match gets every step once and in order, however fast city time runs.
An answer that was lost is given again, since the client still shows the ETag of the one before; so is what a client
had not kept when it died. A client without an ETag gets the newest step that anyone has had.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

_ETAG = re.compile(r'(?:W/)?"(\d{1,12})\.(\d{1,6})"')


class Position(NamedTuple):
    """A step, and how often it was said before: a frozen source repeats one."""

    step: int
    repeat: int = 0

    @property
    def etag(self) -> str:
        """As HTTP writes it."""
        return f'"{self.step}.{self.repeat}"'


@dataclass
class LockStep:
    """How far a source has been served. `repeats` says how often a step is said again before the next one."""

    start: int
    period: int
    repeats: Callable[[int], int] = lambda _step: 0
    served: Position | None = None
    acknowledged: Position | None = None  # the newest that a client has shown to have

    def next(self, etag: str | None) -> Position:
        """What a client that has this ETag gets next, whether or not it is due."""
        if self.served is None:
            return Position(self.start)
        has = self._known(etag)
        if has is None:
            return self.served
        self.acknowledged = max(self.acknowledged or has, has)
        return self.after(has)

    def after(self, has: Position) -> Position:
        """What comes after a step."""
        if has.repeat < self.repeats(has.step):
            return Position(has.step, has.repeat + 1)
        return Position(has.step + self.period)

    def due(self, position: Position) -> int:
        """City time from which on it may be served."""
        return position.step + position.repeat * self.period

    def serve(self, position: Position) -> None:
        """Notes that it is on its way to a client."""
        self.served = max(self.served or position, position)

    @property
    def until(self) -> int:
        """City time before which everything has been served and was shown to have arrived."""
        return self.acknowledged.step + self.period if self.acknowledged else self.start

    def _known(self, etag: str | None) -> Position | None:
        match = _ETAG.fullmatch(etag.strip()) if etag else None
        if match is None or self.served is None:
            return None
        has = Position(int(match[1]), int(match[2]))
        is_ours = (has.step - self.start) % self.period == 0 and has.repeat <= self.repeats(has.step)
        return has if is_ours and Position(self.start) <= has <= self.served else None
