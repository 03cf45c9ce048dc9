"""A feed at its start: what Kafka has of it beyond its cursor is counted there, and known when its source shows it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, get_args

from confluent_kafka import Message

from connectors.counts import HourCounts, hour_of
from connectors.cursor import Cursor
from connectors.duplicates import Known
from connectors.feed import Feed
from connectors.letters import HOUR_HEADER, Stage
from connectors.tail import Entry, Found, Tail, Wanted
from runtime.avro import HeadDecoder, NotWireFormatError
from runtime.dead_letters import CONTRACT as DEAD_LETTER
from runtime.registry import Registry, UnknownSchemaError
from schemas import contract

Ends = Mapping[str, Mapping[int, int]]  # by topic and partition


class Recovery:
    """Reads the tails of the topics for all feeds."""

    def __init__(self, bootstrap: str, registry: Registry) -> None:
        self._bootstrap, self._registry = bootstrap, registry
        self._tails: dict[str, Tail] = {}

    async def recover(self, feed: Feed, cursor: Cursor, known: Known, until: Ends | None) -> None:
        """Bring the cursor up to what Kafka has of the feed.

        `until` is where this process's own records end, after a failure that leaves nothing unknown; without it the
        topics are read to their ends, and some way back for what was sent before. What requests of a process that was
        killed the broker still appends after that is not found, and may come again.

        Raises:
            Exception: Kafka or the registry cannot be reached.
        """
        topics = contract(feed.event).topic, contract(DEAD_LETTER).topic
        events, letters = await asyncio.gather(*(self._find(feed, cursor, t, until) for t in topics))
        known.keys.add(e.id for e in events.before)
        known.letters.add(e.id for e in letters.before)
        sent, refused = _once(events.after), _once(letters.after)
        for topic, found in zip(topics, (events, letters), strict=True):
            cursor.offsets[topic] = {**cursor.offsets.get(topic, {}), **found.ends}
        cursor.recover(counted(sent.values(), refused.values()), sent, refused)

    async def _find(self, feed: Feed, cursor: Cursor, topic: str, until: Ends | None) -> Found:
        since = cursor.offsets.get(topic)
        ends = until.get(topic, {}) if until is not None else None
        if since is not None and ends is not None and all(end <= since.get(p, 0) for p, end in ends.items()):
            return Found()
        if topic not in self._tails:
            self._tails[topic] = Tail(self._bootstrap, topic, self._reader(topic))
        return await self._tails[topic].find(
            Wanted(feed.tenant, feed.id, since, ends, looks_back=since is not None and until is None)
        )

    def _reader(self, topic: str) -> Callable[[Message], Entry | None]:
        is_letters = topic == contract(DEAD_LETTER).topic
        head = HeadDecoder(self._registry, "reason" if is_letters else "feed")
        return partial(_entry, head, _letter if is_letters else _event)


def counted(sent: Iterable[Entry], refused: Iterable[Entry]) -> list[HourCounts]:
    """The counts of events and dead letters."""
    hours: dict[int, HourCounts] = {}
    for entry in sent:
        hour = hours.setdefault(entry.hour, HourCounts(entry.hour))
        hour.received += 1
        hour.accepted += 1
    for entry in refused:
        hour = hours.setdefault(entry.hour, HourCounts(entry.hour))
        hour.received += 1
        hour.reject(entry.reason)
    return list(hours.values())


def _entry(head: HeadDecoder, as_entry: Callable[[Message, Any], Entry | None], message: Message) -> Entry | None:
    """What a message says of its feed; nothing when it is none of ours."""
    try:
        return as_entry(message, head(message.value() or b""))
    except (NotWireFormatError, UnknownSchemaError, KeyError, ValueError, TypeError, AttributeError):
        return None


def _event(message: Message, fields: Any) -> Entry:
    key = fields["entity_id"], fields["observed_at"]
    is_own = not message.headers()  # a replayed one names its dead letter there, and is counted by the replay
    return Entry(fields["tenant"], fields["feed"], key, hour_of(fields["observed_at"]), is_own=is_own)


def _letter(message: Message, fields: Any) -> Entry | None:
    if fields["stage"] not in get_args(Stage):  # of a job, which counts for itself
        return None
    counted_in = dict(message.headers() or ()).get(HOUR_HEADER)
    hour = int(counted_in) if counted_in is not None else hour_of(fields["occurred_at"])
    return Entry(fields["tenant"], fields["feed"], fields["dead_letter_id"], hour, fields["reason"])


def _once(entries: Iterable[Entry]) -> dict[Any, Entry]:
    return {e.id: e for e in entries}
