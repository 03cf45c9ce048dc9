"""Publishes what a city's radio devices say, in the order of city time and as its clock goes."""

from __future__ import annotations

import asyncio
import contextlib
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from heapq import merge

from simulator.clock import CityClock, Phase
from simulator.faults import Faults
from simulator.radio import Message, RadioSource
from simulator.serving.publisher import Publisher
from simulator.serving.tally import Entry, Tally

#: City seconds whose messages are made at once: many in history, few when live, so that nothing waits for them.
_BLOCK_SECONDS = {Phase.HISTORY: 300, Phase.LIVE: 5}
_TICK_SECONDS = 0.02
_DRAIN_SECONDS = 5


class Broadcast:
    """The radio of a city."""

    def __init__(
        self, sources: Sequence[RadioSource], publisher: Publisher, clock: CityClock, faults: Faults, tally: Tally
    ) -> None:
        self._sources = sources
        self._publisher = publisher
        self._clock = clock
        self._faults = faults
        self.sent = int(clock.start)  # everything published before this city time has been sent
        self._arrived = self.sent  # and before this one has been acknowledged
        self._marks: deque[tuple[int, int]] = deque()  # how many messages had been sent by which city time
        self._entries: list[Entry] = [tally.entry(s.name, s.event, lambda: self.until) for s in sources]

    @property
    def until(self) -> int:
        """City time before which, by event time, everything has arrived at the broker."""
        while self._marks and self._marks[0][0] <= self._publisher.acknowledged:
            self._arrived = self._marks.popleft()[1]
        return max(self._arrived - self._faults.longest_delay, int(self._clock.start))

    @property
    def reached(self) -> float:
        """City time up to which messages have been sent."""
        return self.sent

    @property
    def last_seen(self) -> float | None:
        """Real time at which the broker last answered; None: never."""
        return self._publisher.last_heard

    async def run(self) -> None:
        """Publishes until cancelled; then waits a little for the last acknowledgements.

        Raises:
            simulator.serving.publisher.LoginError: the broker refuses the user.
        """
        connection = asyncio.create_task(self._publisher.run())
        talk = asyncio.create_task(self._talk())
        try:
            done, _ = await asyncio.wait((connection, talk), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            talk.cancel()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_DRAIN_SECONDS):
                    await self._publisher.drain()
            connection.cancel()
            await asyncio.gather(connection, talk, return_exceptions=True)

    async def _talk(self) -> None:
        while True:
            end = self.sent + _BLOCK_SECONDS[self._clock.phase]
            await self._publish(self._block(self.sent, end), end)

    async def _publish(self, messages: list[Message], end: int) -> None:
        done = 0
        while self.sent < end:
            # A message of this second is due as soon as the second begins; before the clock does, nothing is.
            until = min(int(self._clock.now()) + 1, end) if self._clock.is_running else self.sent
            due = bisect_left(messages, until, key=_at)
            await self._publisher.send((m.topic, m.payload) for m in messages[done:due])
            done = due
            if until > self.sent:
                self.sent = until
                self._marks.append((self._publisher.acknowledged + self._publisher.in_flight, until))
            if until < end:
                await asyncio.sleep(_TICK_SECONDS)

    def _block(self, start: int, end: int) -> list[Message]:
        found = []
        for source, entry in zip(self._sources, self._entries, strict=True):
            messages, counts = source.published(start, end, self._faults)
            entry.add(counts)
            found.append(messages)
        return list(merge(*found, key=_at))


def _at(message: Message) -> int:
    return message.at
