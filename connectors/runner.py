"""All feeds into Kafka: one task for each; what befalls one of them is no concern of the others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NoReturn

import structlog
from confluent_kafka import KafkaException

from connectors.acceptance import Acceptance
from connectors.backoff import Backoff
from connectors.channel import Channels
from connectors.cursor import Cursor, cursor_path
from connectors.delivery import Context
from connectors.feed import Feed
from connectors.intake import FeedIntake, Outlets
from connectors.meter import Meter
from connectors.producer import ProduceError, Producer
from connectors.sources import broker_of, context_of, format_of, read_reference, transport_of
from runtime.dead_letters import CONTRACT as DEAD_LETTER
from runtime.endpoints import Endpoints
from runtime.settings import Settings
from schemas import contract

RETRY_SECONDS = 1.0
MAX_RETRY_SECONDS = 60.0
SAVE_SECONDS = 5.0  # as much may come again after a crash

log = structlog.get_logger()


async def ingest(feeds: Sequence[Feed], endpoints: Endpoints, settings: Settings, stop: asyncio.Event) -> None:
    """Bring the feeds' records to Kafka until `stop` is set; then what is on its way is finished and cursors are kept.

    Everything that fails is tried again, counted in the metrics ``garonne_feed_*`` and logged.
    """
    producer = Producer(endpoints.kafka_bootstrap)
    channels = Channels(endpoints, settings)
    pump = asyncio.create_task(producer.pump())
    runs = [asyncio.create_task(_FeedRun(f, endpoints, settings, producer, channels).run()) for f in feeds]
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([stopped, pump, *runs], return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _cancelled(runs)
        await producer.close()
        await _cancelled([stopped, pump])
    for task in (pump, *runs):
        if not task.cancelled() and task.exception() is not None:
            task.result()


async def _cancelled(tasks: Sequence[asyncio.Task[object]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class _FeedRun:
    """One feed, started again for as long as it takes."""

    def __init__(
        self, feed: Feed, endpoints: Endpoints, settings: Settings, producer: Producer, channels: Channels
    ) -> None:
        self._feed, self._settings = feed, settings
        self._producer, self._channels = producer, channels
        self._broker = broker_of(endpoints)
        self._meter = Meter(feed)

    async def run(self) -> NoReturn:
        backoff = Backoff(RETRY_SECONDS, MAX_RETRY_SECONDS)
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            try:
                await self._start()
            except Exception as e:  # noqa: BLE001 - whatever befalls a feed is its own affair
                self._failed(_first(e))
            if loop.time() - started > MAX_RETRY_SECONDS:
                backoff.reset()
            await asyncio.sleep(backoff.next())

    async def _start(self) -> None:
        feed = self._feed
        cursor = Cursor(cursor_path(self._settings.state, feed.id))
        context = context_of(feed, self._settings, cursor, self._broker, self._meter.error)
        accept = Acceptance(feed, contract(feed.event))
        outlets = Outlets(self._producer, await self._channels.get(feed.event), await self._channels.get(DEAD_LETTER))
        intake = FeedIntake(feed, format_of(feed.format), accept, outlets, cursor, self._meter)
        intake.reference = await read_reference(feed, context)
        log.info("feed.started", feed=feed.id, tenant=feed.tenant, brings=feed.event)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(intake.failure())
                tasks.create_task(self._save(cursor))
                tasks.create_task(self._refresh(intake, context))
                tasks.create_task(transport_of(feed.transport).run(feed.transport, context, intake))
        finally:
            await intake.drain()
            await cursor.save()

    async def _save(self, cursor: Cursor) -> NoReturn:
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            try:
                await cursor.save()
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
        if isinstance(error, ProduceError):
            self._channels.forget()
        kind = "kafka" if isinstance(error, ProduceError | KafkaException) else getattr(error, "kind", "feed")
        self._meter.error(kind, error)
        if kind == "feed":
            log.error("feed.failed", feed=self._feed.id, exc_info=error)


def _first(error: Exception) -> Exception:
    """What made a group of tasks end."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
