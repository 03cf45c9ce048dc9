"""Deliveries whose records are on their way: settled in order, then saved, then acknowledged to their source."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NoReturn

from confluent_kafka import KafkaError, Message

from connectors.channel import Channel
from connectors.counts import Tally
from connectors.cursor import Cursor, Offsets, Progress
from connectors.delivery import Delivery
from connectors.meter import Meter
from connectors.producer import ProduceError

DRAIN_SECONDS = 10.0
Sent = Callable[[KafkaError | None, Message], None]

SAVE_RECORDS = 20_000  # so many settled records are saved at once, so that a crash leaves few to be looked for


@dataclass(slots=True, eq=False)
class Pending(Progress):
    """A delivery that is not settled yet; its bytes are no longer held."""

    acknowledge: Callable[[], None] | None = None
    unsettled: int = 0
    bad: int = 0  # records that the breaker has not judged yet, and all of them
    items: int = 0
    is_whole: bool = False  # all its records are sent
    sent: dict[str, Sent] = field(default_factory=dict)  # by topic
    reached: dict[str, Offsets] | None = None  # what others had reached, at a moment before it was settled


class Unsettled:
    """The deliveries of one feed on their way, oldest first."""

    def __init__(self, cursor: Cursor, meter: Meter, channels: tuple[Channel, ...]) -> None:
        self.records = 0  # on their way
        self.has_lost = False  # whether it is unknown if Kafka has a record that was sent
        self._cursor, self._meter, self._channels = cursor, meter, channels
        self._pending: deque[Pending] = deque()
        self._acknowledgements: list[Callable[[], None]] = []
        self._unsaved = 0  # records that are settled
        self._error: Exception | None = None
        self._failed = asyncio.Event()
        self._progress = asyncio.Event()
        self._due = asyncio.Event()
        self._saving = asyncio.Lock()

    def begin(self, delivery: Delivery, tolerance: timedelta) -> Pending:
        """A delivery is about to be taken."""
        tally = Tally(delivery.payload.received_at, tolerance)
        pending = Pending(delivery.key, delivery.position, tally, delivery.repeats, delivery.token)
        pending.acknowledge = delivery.acknowledge
        self._pending.append(pending)
        return pending

    def whole(self, pending: Pending) -> None:
        """All records of a delivery are sent."""
        pending.is_whole = True
        self._settle()

    def sending(self, pending: Pending, topic: str) -> Sent:
        """A record of a delivery is about to be sent; what to call when Kafka has it, or never will."""
        pending.unsettled += 1
        self.records += 1
        return pending.sent.get(topic) or self._sent(pending, topic)

    def not_sent(self, pending: Pending) -> None:
        """The record that was about to be sent was not; its delivery is never settled."""
        pending.unsettled -= 1
        self.records -= 1
        self._progress.set()

    def fail(self, error: Exception) -> None:
        """Nothing more is settled."""
        self._error = self._error or error
        self._failed.set()
        self._progress.set()

    async def failure(self) -> NoReturn:
        """Wait until it fails.

        Raises:
            Exception: what it failed for.
        """
        await self._failed.wait()
        raise self._error or ProduceError("unknown")

    async def progress(self) -> None:
        """Wait until Kafka has some more."""
        self._progress.clear()
        await self._progress.wait()

    async def due(self, seconds: float) -> None:
        """Wait until it is time to save: someone waits for it, or there is much, or so many seconds are over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._due.wait()

    async def save(self) -> None:
        """Save what is settled, then acknowledge it to its source.

        Raises:
            OSError: it cannot be written; nothing is acknowledged.
        """
        async with self._saving:
            self._reach()
            waiting, self._acknowledgements = self._acknowledgements, []
            self._unsaved = 0
            self._due.clear()
            try:
                await self._cursor.save()
            except BaseException:
                self._acknowledgements = waiting + self._acknowledgements
                raise
            for acknowledge in waiting:
                acknowledge()

    async def drain(self) -> None:
        """Wait until what was delivered whole is settled, some seconds at the most; save it.

        Raises:
            OSError: it cannot be written.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while self._pending and self._pending[0].is_whole and not self._failed.is_set():
                    await self.progress()
        await self.save()

    async def quiet(self) -> list[Pending]:
        """Wait until Kafka has said of each record what became of it; what is left unsettled."""
        while self.records:
            await self.progress()
        return list(self._pending)

    def _sent(self, pending: Pending, topic: str) -> Sent:
        ends = pending.ends.setdefault(topic, {})

        def sent(error: KafkaError | None, message: Message) -> None:
            pending.unsettled -= 1
            self.records -= 1
            if error is not None:
                self.has_lost = True
                self.fail(ProduceError(error.str()))
                return
            offset = message.offset()
            if offset is not None and offset >= 0:  # not known when the broker had a repeated request already
                ends[message.partition()] = offset + 1  # type: ignore[index]
            if pending.unsettled == 0 and pending.is_whole:
                self._settle()
            else:
                self._progress.set()

        pending.sent[topic] = sent
        return sent

    def _settle(self) -> None:
        while not self._failed.is_set() and self._pending and self._pending[0].is_whole:
            if self._pending[0].unsettled:
                break
            self._settled(self._pending.popleft())
        self._progress.set()

    def _settled(self, done: Pending) -> None:
        self._cursor.settle(done)
        for channel in self._channels:
            if channel.topic in done.ends:
                channel.ends.update(done.ends[channel.topic])
        for topic, ends in (done.reached or {}).items():
            self._cursor.reach(topic, ends)
        self._unsaved += self._meter.settled(done.tally)
        if done.acknowledge is not None:
            self._acknowledgements.append(done.acknowledge)
        if done.acknowledge is not None or self._unsaved >= SAVE_RECORDS:
            self._due.set()

    def _reach(self) -> None:
        """What Kafka has of any feed by now is older than whatever this one sends later: as far its tail is known."""
        reached = {c.topic: dict(c.ends) for c in self._channels}
        if self._pending:
            self._pending[-1].reached = reached
            return
        for topic, ends in reached.items():
            self._cursor.reach(topic, ends)
