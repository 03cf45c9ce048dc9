"""What a paused feed shows, held back until its newest data are good."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from connectors.breaker import Breaker, PausedError
from connectors.delivery import Delivery

LOOK_SECONDS = 10.0
MAX_RECORDS = 20_000
MAX_DELIVERIES = 2_000
MAX_BYTES = 50_000_000
TOO_LATE = "nothing better came in time"


class Lookahead:
    """One attempt to go on.

    Bad data may be followed by good ones: an MQTT broker shows first what it showed before. So it is the newest of what
    can be seen within limits that decides, and nothing is sent or acknowledged until then.
    """

    def __init__(self, breaker: Breaker, fail: Callable[[Exception], None]) -> None:
        self._breaker, self._fail = breaker, fail
        self._held: list[Delivery] = []
        self._records = self._bytes = 0
        self._end: asyncio.TimerHandle | None = None
        self._is_over = False

    def hold(self, delivery: Delivery, bad: int, total: int) -> list[Delivery]:
        """Deliveries that may be taken now, in their order, after one more that has so many bad of so many records.

        Raises:
            PausedError: there is too much to hold back, and the newest is as bad as the rest.
        """
        if self._is_over:
            raise PausedError(TOO_LATE)
        if not total and not self._held:
            return [delivery]
        self._held.append(delivery)
        if total and self._breaker.closes(bad, total):
            return self._released()
        self._records += total
        self._bytes += len(delivery.payload.body)
        if self._records >= MAX_RECORDS or len(self._held) >= MAX_DELIVERIES or self._bytes >= MAX_BYTES:
            raise PausedError("what follows is bad as well")
        if self._end is None:
            self._end = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._give_up)
        return []

    def _released(self) -> list[Delivery]:
        if self._end is not None:
            self._end.cancel()
        held, self._held = self._held, []
        return held

    def _give_up(self) -> None:
        self._is_over = True  # the breaker stays open, whatever is still being looked at
        self._fail(PausedError(TOO_LATE))
