"""All feeds into Kafka: one task for each; what befalls one of them is no concern of the others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from connectors.channel import Channels
from connectors.feed import Feed
from connectors.feed_run import FeedRun, Platform
from connectors.producer import Producer
from connectors.recovery import Recovery
from connectors.sources import broker_of
from runtime.endpoints import Endpoints
from runtime.settings import Settings


async def ingest(feeds: Sequence[Feed], endpoints: Endpoints, settings: Settings, stop: asyncio.Event) -> None:
    """Bring the feeds' records to Kafka until `stop` is set; then what is on its way is finished and cursors are kept.

    Everything that fails is tried again, counted in the metrics ``garonne_feed_*`` and logged.
    """
    producer = Producer(endpoints.kafka_bootstrap)
    channels = Channels(endpoints, settings)
    recovery = Recovery(endpoints.kafka_bootstrap, channels.registry)
    platform = Platform(settings, broker_of(endpoints), producer, channels, recovery)
    pump = asyncio.create_task(producer.pump())
    runs = [asyncio.create_task(FeedRun(f, platform).run()) for f in feeds]
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
