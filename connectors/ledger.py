"""The source side of the ledger: what a feed's saved counts say, as rows of the contract ``ledger``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

import structlog
from confluent_kafka import KafkaError, Message

from connectors.channel import Channel
from connectors.counts import HourCounts, hour_start
from connectors.cursor import Cursor
from connectors.feed import Feed
from connectors.producer import ProduceError, Producer
from runtime.records import record_key
from schemas import contract

CONTRACT = "ledger"
HOURS_AT_ONCE = 200  # a file of a year must not crowd out the events

log = structlog.get_logger()


class SourceLedger:
    """Sends a feed's counts to the ledger's topic, those of a hour again whenever they have changed."""

    def __init__(self, feed: Feed, producer: Producer, channel: Channel) -> None:
        self._feed, self._producer, self._channel = feed, producer, channel
        self._contract = contract(CONTRACT)
        self._under_way: dict[int, int] = {}  # rows by hour

    async def report(self, cursor: Cursor, limit: int | None = HOURS_AT_ONCE) -> None:
        """Send the saved counts that the ledger does not have yet, of so many hours at the most.

        What Kafka refuses is sent with the next counts, or after the next start.
        """
        if self._under_way and limit is not None:
            return
        try:
            for counted in list(islice(cursor.counts.saved.values(), limit)):
                found = list(rows(self._feed, counted, cursor.counted_at))
                self._under_way[counted.hour] = len(found)
                for row in found:
                    await self._send(row, cursor, counted)
        except ProduceError as e:
            self._under_way.clear()
            log.warning("ledger.error", feed=self._feed.id, error=str(e))

    async def _send(self, row: dict[str, Any], cursor: Cursor, counted: HourCounts) -> None:
        def sent(error: KafkaError | None, _: Message) -> None:
            left = self._under_way.pop(counted.hour, 0) - 1
            if error is not None:
                log.warning("ledger.error", feed=self._feed.id, error=error.str())
            elif left > 0:
                self._under_way[counted.hour] = left
            elif left == 0:
                cursor.counts.reported(counted)

        key = record_key(self._contract, row).encode()
        await self._producer.send(self._channel.topic, key, self._channel.encode(row), sent)


def rows(feed: Feed, counted: HourCounts, counted_at: datetime) -> Iterator[dict[str, Any]]:
    """The rows of an hour: one for each outcome, and of the rejected one for each reason."""
    outcomes = [
        ("received", "", counted.received),
        ("accepted", "", counted.accepted),
        ("duplicate", "", counted.duplicates),
        *(("rejected", reason, count) for reason, count in sorted(counted.rejected.items())),
    ]
    for outcome, reason, count in outcomes:
        yield {
            "tenant": feed.tenant,
            "counter": feed.id,
            "counted_by": "source",
            "event": feed.event,
            "hour": hour_start(counted.hour),
            "outcome": outcome,
            "reason": reason,
            "records_count": count,
            "counted_at": counted_at,
        }
