"""What becomes of one feed's payloads: decoded, judged, compared with what was seen, sent, acknowledged in order."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any, NoReturn

import structlog
from confluent_kafka import KafkaError, Message

from connectors.acceptance import Acceptance, Event, refused
from connectors.channel import Channel
from connectors.cursor import Cursor, Position
from connectors.delivery import Delivery
from connectors.duplicates import Key, Seen
from connectors.feed import Feed
from connectors.letters import Stage, letter
from connectors.meter import Meter, Tally
from connectors.model import Format, Payload, Reason, Record, Reference, Rejected
from connectors.producer import MAX_VALUE_BYTES, ProduceError, Producer

CHUNK_RECORDS = 100  # between two turns of the event loop
LARGE_PAYLOAD_BYTES = 256_000  # parsed in a thread, so that other feeds go on
MAX_UNSETTLED_RECORDS = 20_000
SEEN_LETTERS = 10_000
DRAIN_SECONDS = 10.0

log = structlog.get_logger()

Item = Record | Rejected


@dataclass(slots=True, eq=False)
class _Pending:
    """A delivery whose records are on their way to Kafka; its bytes are no longer held."""

    key: str | None
    position: Position | None
    repeats: bool
    acknowledge: Callable[[], None] | None
    received_at: datetime
    tally: Tally = field(default_factory=Tally)
    keys: list[Key] = field(default_factory=list)
    unsettled: int = 0
    is_whole: bool = False  # all its records are sent


def _pending(delivery: Delivery) -> _Pending:
    received_at = delivery.payload.received_at
    return _Pending(delivery.key, delivery.position, delivery.repeats, delivery.acknowledge, received_at)


@dataclass(frozen=True, slots=True)
class Outlets:
    """Where a feed's events and dead letters go."""

    producer: Producer
    events: Channel
    letters: Channel


class FeedIntake:
    """The intake of one feed, from its start to its first failure; the next start has a new one."""

    def __init__(
        self, feed: Feed, decoder: Format, accept: Acceptance, outlets: Outlets, cursor: Cursor, meter: Meter
    ) -> None:
        self.reference: Reference = {}
        self._feed, self._decoder, self._accept = feed, decoder, accept
        self._outlets, self._cursor, self._meter = outlets, cursor, meter
        self._max_value_bytes = min(feed.max_record_bytes, MAX_VALUE_BYTES)
        self._key_prefix = f"{feed.tenant}/"
        self._seen: Seen[Key] = Seen(cursor.keys())
        self._seen_letters: Seen[str] = Seen(limit=SEEN_LETTERS)
        self._pending: deque[_Pending] = deque()
        self._unsettled = 0
        self._since_turn = 0
        self._turn = asyncio.Lock()
        self._progress = asyncio.Event()
        self._error: Exception | None = None
        self._failed = asyncio.Event()

    async def failure(self) -> NoReturn:
        """Wait until Kafka refuses a record.

        Raises:
            ProduceError: it did.
        """
        await self._failed.wait()
        raise self._error or ProduceError("unknown")

    async def deliver(self, delivery: Delivery) -> None:
        """Take one payload; returns when its records are on their way."""
        async with self._turn:
            payload = delivery.payload
            pending = _pending(delivery)
            self._pending.append(pending)
            self._meter.payload()
            if delivery.problem is not None:
                await self._refuse(pending, payload, delivery.problem, "connector")
            else:
                await self._take_all(pending, payload)
            pending.is_whole = True
            self._settle()

    async def drain(self) -> None:
        """Wait until what was delivered whole is acknowledged, some seconds at the most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while self._pending and self._pending[0].is_whole and not self._failed.is_set():
                    await self._wait_for_progress()

    async def _take_all(self, pending: _Pending, payload: Payload) -> None:
        async for items in self._decoded(payload):
            for item in items:
                if isinstance(item, Rejected):
                    await self._refuse(pending, payload, item, "decode")
                else:
                    await self._take(pending, payload, item)
            self._since_turn += len(items)
            if self._since_turn >= CHUNK_RECORDS:
                self._since_turn = 0
                await asyncio.sleep(0)
            while self._unsettled >= MAX_UNSETTLED_RECORDS:
                await self._wait_for_progress()

    async def _take(self, pending: _Pending, payload: Payload, record: Record) -> None:
        event = self._accept(record, payload.received_at)
        if isinstance(event, Rejected):
            await self._refuse(pending, payload, event, "decode")
            return
        key = (record.entity_id, record.observed_at)
        if not self._seen.is_new(key):
            pending.tally.duplicates += 1
            return
        value = self._encoded(event, record)
        if isinstance(value, Rejected):
            await self._refuse(pending, payload, value, "decode")
            return
        if pending.repeats:
            pending.keys.append(key)
        pending.tally.accept(record.observed_at)
        await self._send(pending, self._outlets.events.topic, record.entity_id, value)

    def _encoded(self, event: Event, record: Record) -> bytes | Rejected:
        try:
            value = self._outlets.events.encode(event)
        except (
            ValueError,
            TypeError,
            OverflowError,
            AttributeError,
        ) as e:  # text that is no UTF-8, numbers no double can hold
            return refused((Reason.WRONG_TYPE, str(e)), record)
        if len(value) > self._max_value_bytes:
            detail = f"{len(value)} bytes as Avro, over {self._max_value_bytes}"
            return refused((Reason.TOO_LARGE, detail), record)
        return value

    async def _refuse(self, pending: _Pending, payload: Payload, rejected: Rejected, stage: Stage) -> None:
        """Send a dead letter, unless the same one went before, and count the record in either case."""
        pending.tally.rejected[rejected.reason] += 1
        made = letter(self._feed, payload, rejected, stage, datetime.now(UTC))
        if self._seen_letters.is_new(made["dead_letter_id"]):
            channel = self._outlets.letters
            await self._send(pending, channel.topic, made["dead_letter_id"], channel.encode(made))

    async def _send(self, pending: _Pending, topic: str, entity_id: str, value: bytes) -> None:
        pending.unsettled += 1
        self._unsettled += 1
        key = (self._key_prefix + entity_id).encode()
        await self._outlets.producer.send(topic, key, value, partial(self._sent, pending))

    def _sent(self, pending: _Pending, error: KafkaError | None, _message: Message) -> None:
        """Kafka has a record, or never will."""
        pending.unsettled -= 1
        self._unsettled -= 1
        if error is not None:
            self._fail(ProduceError(error.str()))
        elif pending.unsettled == 0 and pending.is_whole:
            self._settle()
        else:
            self._progress.set()

    def _settle(self) -> None:
        """Acknowledge what is complete, in the order of delivery."""
        while not self._failed.is_set() and self._pending and self._pending[0].is_whole:
            if self._pending[0].unsettled:
                break
            done = self._pending.popleft()
            self._cursor.advance(done.key, done.position, done.keys)
            if done.acknowledge is not None:
                done.acknowledge()
            self._meter.settled(done.tally, done.received_at)
        self._progress.set()

    def _fail(self, error: Exception) -> None:
        self._error = self._error or error
        self._failed.set()
        self._progress.set()

    async def _wait_for_progress(self) -> None:
        self._progress.clear()
        await self._progress.wait()

    async def _decoded(self, payload: Payload) -> AsyncIterator[list[Item]]:
        """The records of a payload in small lists; where its format breaks down, the payload is refused."""
        found = self._decoder.decode(payload, self._feed.format, self.reference)
        is_large = len(payload.body) > LARGE_PAYLOAD_BYTES
        while True:
            items, error = await asyncio.to_thread(_some, found) if is_large else _some(found)
            is_large = False
            yield items
            if error is not None:
                yield [self._broken(payload, error)]
            if error is not None or len(items) < CHUNK_RECORDS:
                return

    def _broken(self, payload: Payload, error: Exception) -> Rejected:
        self._meter.error("format", error)
        log.error("format.broken", feed=self._feed.id, place=payload.place, exc_info=error)
        detail = f"the format broke down: {type(error).__name__}: {error}"
        return Rejected(Reason.MALFORMED, detail, "", payload.body)


def _some(found: Iterator[Any]) -> tuple[list[Item], Exception | None]:
    """The next records, and what stopped them if something did."""
    items: list[Item] = []
    try:
        for item in islice(found, CHUNK_RECORDS):
            items.append(item)  # a list made in one go would be lost with the error
    except Exception as e:  # noqa: BLE001 - formats are plugins and their input is anyone's
        return items, e
    return items, None
