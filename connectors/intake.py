"""What becomes of one feed's payloads: decoded, judged, compared with what was seen, sent, acknowledged in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from connectors.acceptance import Acceptance, Event, refused
from connectors.breaker import Breaker
from connectors.channel import Channel
from connectors.counts import HourCounts
from connectors.cursor import Cursor
from connectors.decoding import CHUNK_RECORDS, Item, decoded
from connectors.delivery import Delivery
from connectors.duplicates import Known
from connectors.feed import Feed
from connectors.letters import HOUR_HEADER, Stage, letter
from connectors.lookahead import Lookahead
from connectors.meter import Meter
from connectors.model import Format, Payload, Reason, Record, Reference, Rejected
from connectors.producer import MAX_VALUE_BYTES, Headers, Producer
from connectors.unsettled import Pending, Unsettled

MAX_UNSETTLED_RECORDS = 20_000
JUDGED_RECORDS = 5_000  # of a payload that has more; as many lines of a file are one

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outlets:
    """Where a feed's events and dead letters go."""

    producer: Producer
    events: Channel
    letters: Channel


class FeedIntake:
    """The intake of one feed, from its start to its first failure; the next start has a new one."""

    def __init__(
        self,
        feed: Feed,
        decoder: Format,
        accept: Acceptance,
        outlets: Outlets,
        cursor: Cursor,
        meter: Meter,
        known: Known | None = None,
        breaker: Breaker | None = None,
    ) -> None:
        self.reference: Reference = {}
        self.unsettled = Unsettled(cursor, meter, (outlets.events, outlets.letters))
        self._feed, self._decoder, self._accept = feed, decoder, accept
        self._outlets, self._meter = outlets, meter
        self._max_value_bytes = min(feed.max_record_bytes, MAX_VALUE_BYTES)
        self._key_prefix = f"{feed.tenant}/"
        self._tolerance = timedelta(seconds=feed.future_tolerance_seconds)
        self._known = known or Known()
        self._known.keys.add([*cursor.keys(), *cursor.again])
        self._known.letters.add(cursor.again_letters)
        # In Kafka and counted, and about to be shown again; one that is shown a second time is a duplicate.
        self._again, self._again_letters = set(cursor.again), set(cursor.again_letters)
        self._breaker = breaker or Breaker(feed.breaker)
        self._breaker.begin()
        self._ahead = Lookahead(self._breaker, self.unsettled.fail)
        self._since_turn = 0
        self._turn = asyncio.Lock()

    async def deliver(self, delivery: Delivery) -> bool:
        """Take one payload; returns when its records are on their way: whether anything in it could be read.

        Raises:
            PausedError: most of what the feed brings is bad.
        """
        async with self._turn:
            if self._breaker.is_open:
                return await self._look_ahead(delivery)
            return await self._take_payload(delivery, is_judged=True)

    async def drain(self) -> None:
        """Wait until what was delivered whole is acknowledged, some seconds at the most."""
        try:
            await self.unsettled.drain()
        except OSError as e:
            self._meter.error("cursor", e)

    async def _look_ahead(self, delivery: Delivery) -> bool:
        """While the breaker is open nothing is sent, until the newest data are good; then all that was held back."""
        bad, total = (0, 0) if delivery.is_again else await self._bad_of(delivery)
        ready = self._ahead.hold(delivery, bad, total)
        if not self._breaker.is_open:
            self._meter.resumed()
        for held in ready:
            await self._take_payload(held, is_judged=False)
        return bad < total or total == 0

    async def _bad_of(self, delivery: Delivery) -> tuple[int, int]:
        """How many records of a delivery are bad, and how many there are."""
        if delivery.problem is not None:
            return 1, 1
        bad = total = 0
        async for items in self._decoded(delivery.payload):
            total += len(items)
            bad += sum(isinstance(self._judged(i, delivery.payload), Rejected) for i in items)
            await asyncio.sleep(0)
        return bad, total

    def _judged(self, item: Item, payload: Payload) -> Event | Rejected:
        return item if isinstance(item, Rejected) else self._accept(item, payload.received_at)

    async def _take_payload(self, delivery: Delivery, *, is_judged: bool) -> bool:
        payload, is_read = delivery.payload, True
        pending = self.unsettled.begin(delivery, self._tolerance)
        if not delivery.is_again:
            self._meter.payload()
            if delivery.problem is not None:
                await self._refuse(pending, payload, delivery.problem, "connector", self._received(pending))
                pending.items = 1
            else:
                is_read = await self._take_all(pending, payload, is_judged=is_judged)
            self._judge(pending, is_judged=is_judged)
        if delivery.repeats and not is_read:
            pending.position = None  # so that its source is asked for it again, and not for what came after it
        self.unsettled.whole(pending)
        return is_read

    def _judge(self, pending: Pending, *, is_judged: bool) -> None:
        if is_judged:
            self._breaker.judge(pending.bad, pending.items)
        pending.bad = pending.items = 0

    async def _take_all(self, pending: Pending, payload: Payload, *, is_judged: bool) -> bool:
        hour_of, has_records, is_malformed = pending.tally.hour, False, False
        async for items in self._decoded(payload):
            for item in items:
                if isinstance(item, Rejected):
                    is_malformed |= item.reason is Reason.MALFORMED
                    await self._refuse(pending, payload, item, "decode", self._received(pending))
                else:
                    has_records = True
                    hour = hour_of(item.observed_at)
                    hour.received += 1
                    await self._take(pending, payload, item, hour)
            pending.items += len(items)
            if pending.items >= JUDGED_RECORDS:
                self._judge(pending, is_judged=is_judged)
            self._since_turn += len(items)
            if self._since_turn >= CHUNK_RECORDS:
                self._since_turn = 0
                await asyncio.sleep(0)
            while self.unsettled.records >= MAX_UNSETTLED_RECORDS:
                await self.unsettled.progress()
        return has_records or not is_malformed

    def _received(self, pending: Pending) -> HourCounts:
        """The hour of a record without a time of its own, which it is counted in."""
        hour = pending.tally.hour(None)
        hour.received += 1
        return hour

    async def _take(self, pending: Pending, payload: Payload, record: Record, hour: HourCounts) -> None:
        event = self._accept(record, payload.received_at)
        if isinstance(event, Rejected):
            await self._refuse(pending, payload, event, "decode", hour)
            return
        key = (record.entity_id, record.observed_at)
        if self._again and key in self._again:
            self._again.discard(key)
            pending.passed.append(key)
            if not pending.repeats:
                hour.received -= 1
                return
            pending.keys.append(key)
        if not self._known.keys.is_new(key):
            hour.duplicates += 1
            return
        pending.keys.append(key)
        value = self._encoded(event, record)
        if isinstance(value, Rejected):
            await self._refuse(pending, payload, value, "decode", hour)
            return
        pending.tally.accept(hour, record.observed_at)
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

    async def _refuse(
        self, pending: Pending, payload: Payload, rejected: Rejected, stage: Stage, hour: HourCounts
    ) -> None:
        """Send a dead letter, unless the same one went before, and count the record in either case."""
        pending.bad += 1
        made = letter(self._feed, payload, rejected, stage, datetime.now(UTC))
        number = made["dead_letter_id"]
        if number in self._again_letters:
            self._again_letters.discard(number)
            pending.passed_letters.append(number)
            if not pending.repeats:
                hour.received -= 1
                return
        hour.reject(rejected.reason.value)
        if self._known.letters.is_new(number):
            pending.letters.append(number)
            channel = self._outlets.letters
            headers: Headers = [(HOUR_HEADER, str(hour.hour))]
            await self._send(pending, channel.topic, number, channel.encode(made), headers)

    async def _send(
        self, pending: Pending, topic: str, entity_id: str, value: bytes, headers: Headers | None = None
    ) -> None:
        sent = self.unsettled.sending(pending, topic)
        try:
            key = (self._key_prefix + entity_id).encode()
            await self._outlets.producer.send(topic, key, value, sent, headers)
        except BaseException:
            self.unsettled.not_sent(pending)
            raise

    def _decoded(self, payload: Payload) -> AsyncIterator[list[Item]]:
        def broken(error: Exception) -> None:
            self._meter.error("format", error)
            log.error("format.broken", feed=self._feed.id, place=payload.place, exc_info=error)

        return decoded(payload, self._decoder.decode(payload, self._feed.format, self.reference), broken)
