"""Waiting for a city time: a clock and a time come in, whether it has come goes out."""

from __future__ import annotations

import asyncio
import math
import time

from simulator.clock import CityClock, Phase

_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.05
_LIVE_PAUSE = 0.5


async def has_come(clock: CityClock, city: float, patience: float = math.inf) -> bool:
    """Waits until that city time has come, at most so many real seconds; live, not at all when that is too short."""
    until, pause = time.monotonic() + patience, _FIRST_PAUSE
    while (wait := clock.real_seconds_until(city)) > 0:
        left = until - time.monotonic()
        is_live = clock.phase is Phase.LIVE
        if left <= 0 or (is_live and wait > left):
            return False
        # A clock that is held back does not come nearer: look at it less and less often.
        await asyncio.sleep(min(max(wait, pause), left, _LIVE_PAUSE))
        pause = min(1.5 * pause, _LONGEST_PAUSE)
    return True
