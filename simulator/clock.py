"""The city's clock: real time comes in, city time goes out: the past played fast, then the present."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from enum import StrEnum

HOUR = 3600.0
DAY = 86400.0


class Phase(StrEnum):
    """What the city is doing."""

    HISTORY = "history"  # the past, played fast
    LIVE = "live"


class CityClock:
    """City time in seconds since 1970. It starts in the past, runs fast until it meets real time, then at `speed`.

    City time never goes back, and never past `limit`: who serves the past sets it so that no feed runs far ahead of the
    others. With a speed above 1 the city runs ahead of real time once it is live.
    """

    def __init__(
        self,
        *,
        history_hours: float = 24,
        history_seconds: float = 60,
        speed: float = 1,
        real: Callable[[], float] = time.time,
    ) -> None:
        """A clock that is not running yet.

        Raises:
            ValueError: a duration or speed that leads nowhere.
        """
        if history_hours < 0 or history_seconds <= 0 or speed <= 0:
            raise ValueError("history_hours must be 0 or more, history_seconds and speed more than 0")
        self._real = real
        self._speed = speed
        self._history_speed = max(history_hours * HOUR / history_seconds, 1.5)
        self.start = _whole_hour(real() - history_hours * HOUR) if history_hours else float(math.floor(real()))
        self.phase = Phase.HISTORY if history_hours else Phase.LIVE
        self.limit = math.inf
        self._city = self.start
        self._since: float | None = None

    def begin(self) -> None:
        """Lets it run; until then city time stands at its start."""
        self._since = self._real()

    @property
    def is_running(self) -> bool:
        """Whether it has begun."""
        return self._since is not None

    def now(self) -> float:
        """City time now."""
        if self._since is None:
            return self._city
        real = self._real()
        passed, self._since = max(real - self._since, 0.0), real
        if self.phase is Phase.HISTORY:
            self._city = self._fast(passed, real)
        else:
            self._city = max(self._city, min(self._city + passed * self._speed, self.limit))
        return self._city

    def real_seconds_until(self, city: float) -> float:
        """Real seconds until that city time, at the present speed; 0 when it is past."""
        speed = self._history_speed if self.phase is Phase.HISTORY else self._speed
        return max((city - self.now()) / speed, 0.0)

    def _fast(self, passed: float, real: float) -> float:
        city = self._city + passed * self._history_speed
        if city >= real <= self.limit:
            self.phase = Phase.LIVE
            return real
        return max(self._city, min(city, self.limit))


def _whole_hour(seconds: float) -> float:
    return math.floor(seconds / HOUR) * HOUR
