"""One feed, started again for as long as it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

import structlog
from confluent_kafka import KafkaException

from connectors.acceptance import Acceptance
from connectors.backoff import Backoff
from connectors.breaker import Breaker, PausedError
from connectors.channel import Channels
from connectors.cursor import Cursor, cursor_path
from connectors.delivery import Broker, Context
from connectors.duplicates import Known
from connectors.feed import Feed
from connectors.intake import FeedIntake, Outlets
from connectors.ledger import CONTRACT as LEDGER
from connectors.ledger import SourceLedger
from connectors.meter import Meter
from connectors.producer import ProduceError, Producer
from connectors.recovery import Ends, Recovery
from connectors.sources import context_of, format_of, read_reference, transport_of
from runtime.dead_letters import CONTRACT as DEAD_LETTER
from runtime.settings import Settings
from schemas import contract

RETRY_SECONDS = 1.0
MAX_RETRY_SECONDS = 60.0
SAVE_SECONDS = 5.0  # at the latest, where no one waits for it
SAVE_PAUSE_SECONDS = 0.05  # a source that waits for its acknowledgements gets them so often
SAVE_SHARE = 0.5  # of the time may be spent on saving, most of which is the disk's

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Platform:
    """What all feeds share."""

    settings: Settings
    broker: Broker | None
    producer: Producer
    channels: Channels
    recovery: Recovery


class FeedRun:
    """The attempts of one feed."""

    def __init__(self, feed: Feed, platform: Platform) -> None:
        self._feed, self._platform = feed, platform
        self._meter = Meter(feed)
        self._breaker = Breaker(feed.breaker)
        self._known = Known()
        self._own_ends: Ends | None = None  # what this process sent ends there; None: it is unknown

    async def run(self) -> NoReturn:
        """Bring the feed's records until cancelled; pauses between attempts grow up to a minute."""
        backoff = Backoff(RETRY_SECONDS, MAX_RETRY_SECONDS)
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            least = 0.0
            try:
                await self._start()
            except Exception as e:  # noqa: BLE001 - whatever befalls a feed is its own affair
                self._failed(_first(e))
            if self._breaker.is_open:
                least = self._feed.transport.least_pause_seconds
            elif loop.time() - started > MAX_RETRY_SECONDS:
                backoff.reset()
            await asyncio.sleep(max(least, backoff.next()))

    async def _start(self) -> None:
        feed, platform = self._feed, self._platform
        cursor = Cursor(cursor_path(platform.settings.state, feed.id))
        events, letters, ledger = [await platform.channels.get(n) for n in (feed.event, DEAD_LETTER, LEDGER)]
        await platform.recovery.recover(feed, cursor, self._known, self._own_ends)
        with self._without_room():
            await cursor.save()
        self._own_ends = _ends([cursor.offsets])
        context = context_of(feed, platform.settings, cursor, platform.broker, self._meter.error)
        accept = Acceptance(feed, contract(feed.event))
        outlets = Outlets(platform.producer, events, letters)
        decoder = format_of(feed.format)
        intake = FeedIntake(feed, decoder, accept, outlets, cursor, self._meter, self._known, self._breaker)
        report = SourceLedger(feed, platform.producer, ledger)
        intake.reference = await read_reference(feed, context)
        if not self._breaker.is_open:
            log.info("feed.started", feed=feed.id, tenant=feed.tenant, brings=feed.event)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(intake.unsettled.failure())
                tasks.create_task(self._save(intake, cursor, report))
                tasks.create_task(self._refresh(intake, context))
                tasks.create_task(transport_of(feed.transport).run(feed.transport, context, intake))
        except Exception:
            await self._leave(intake, cursor)
            raise
        finally:
            await intake.drain()
            await report.report(cursor, limit=None)

    async def _leave(self, intake: FeedIntake, cursor: Cursor) -> None:
        """Before the next attempt, find out what Kafka has of this one; it may wait as long as Kafka is away."""
        self._own_ends = None
        left = await intake.unsettled.quiet()
        for pending in left:
            self._known.keys.forget(pending.keys)
            self._known.letters.forget(pending.letters)
        if not intake.unsettled.has_lost:
            self._own_ends = _ends([cursor.offsets, *(pending.ends for pending in left)])

    async def _save(self, intake: FeedIntake, cursor: Cursor, report: SourceLedger) -> NoReturn:
        loop = asyncio.get_running_loop()
        reported = loop.time()
        while True:
            await intake.unsettled.due(SAVE_SECONDS)
            started = loop.time()
            pause = SAVE_SECONDS
            with self._without_room():
                await intake.unsettled.save()
                pause = max(SAVE_PAUSE_SECONDS, (loop.time() - started) / SAVE_SHARE)
            if loop.time() - reported >= SAVE_SECONDS:
                await report.report(cursor)
                reported = loop.time()
            await asyncio.sleep(pause)

    @contextmanager
    def _without_room(self) -> Iterator[None]:
        """A cursor that cannot be written holds nothing up: a later save has it all, or Kafka at the next start."""
        try:
            yield
        except OSError as e:
            self._meter.error("cursor", e)

    async def _refresh(self, intake: FeedIntake, context: Context) -> None:
        """Read the reference again every so often; while that fails the one there is serves on."""
        if self._feed.reference is None:
            return
        period = self._feed.reference.refresh_seconds
        backoff = Backoff(RETRY_SECONDS, period)
        pause = period
        while True:
            await asyncio.sleep(pause)
            try:
                intake.reference = await read_reference(self._feed, context)
            except Exception as e:  # noqa: BLE001 - transports and formats are plugins
                self._meter.error("reference", e)
                pause = backoff.next()
            else:
                backoff.reset()
                pause = period

    def _failed(self, error: Exception) -> None:
        if isinstance(error, PausedError):
            self._meter.paused(error)
            return
        if isinstance(error, ProduceError):
            self._platform.channels.forget()
        kind = "kafka" if isinstance(error, ProduceError | KafkaException) else getattr(error, "kind", "feed")
        self._meter.error(kind, error)
        if kind == "feed":
            log.error("feed.failed", feed=self._feed.id, exc_info=error)


def _ends(parts: list[dict[str, dict[int, int]]]) -> dict[str, dict[int, int]]:
    """The last offsets of each partition, oldest part first."""
    found: dict[str, dict[int, int]] = {}
    for part in parts:
        for topic, ends in part.items():
            found.setdefault(topic, {}).update(ends)
    return found


def _first(error: Exception) -> Exception:
    """What made a group of tasks end."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
