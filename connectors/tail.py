"""What Kafka has of feeds beyond the offsets that their cursors know: one reader for all feeds that ask at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from connectors.cursor import Offsets

ANSWER_SECONDS = 30.0
STALL_SECONDS = 15.0
LIMIT_SECONDS = 60.0
LOOKBACK_RECORDS = 100_000  # of a topic; they take about a second
UNKNOWN_RECORDS = 1_000_000  # of a topic, where a feed has no cursor
CONSUMER = {
    "group.id": "garonne-connectors-tail",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "earliest",
    "queued.max.messages.kbytes": 16_384,
    "fetch.wait.max.ms": 50,
    "log_level": 2,
}

log = structlog.get_logger()


class Entry(NamedTuple):
    """A record of a feed as it stands in Kafka."""

    tenant: str
    feed: str
    id: Any  # key of an event, id of a dead letter
    hour: int  # since 1970, in which it is counted
    reason: str = ""  # of a dead letter
    is_own: bool = True  # whether the connector sent it, and not a replay of dead letters


@dataclass(frozen=True, slots=True)
class Wanted:
    """The feed, the offsets that its cursor knows (None: it has none), and where to end (None: at the end)."""

    tenant: str
    feed: str
    since: Mapping[int, int] | None
    until: Mapping[int, int] | None = None
    looks_back: bool = False


@dataclass(slots=True)
class Found:
    """Entries of a feed that are counted, those that are not, and the offsets up to which they are all."""

    before: list[Entry] = field(default_factory=list)
    after: list[Entry] = field(default_factory=list)
    ends: Offsets = field(default_factory=dict)


class Span(NamedTuple):
    """Offsets of one partition: looked back to, known up to, read up to."""

    first: int
    known: int
    end: int


@dataclass(slots=True, eq=False)
class _Asked:
    wanted: Wanted
    answer: Found | Exception | None = None


class Tail:
    """The tail of one topic."""

    def __init__(self, bootstrap: str, topic: str, entry_of: Callable[[Message], Entry | None]) -> None:
        self._bootstrap, self._topic, self._entry_of = bootstrap, topic, entry_of
        self._asked: list[_Asked] = []
        self._reading = asyncio.Lock()

    async def find(self, wanted: Wanted) -> Found:
        """What there is of a feed; those who ask while others are answered are answered together.

        Raises:
            Exception: Kafka or the registry does not answer.
        """
        asked = _Asked(wanted)
        self._asked.append(asked)
        async with self._reading:
            if asked.answer is None:
                await self._answer()
        if isinstance(asked.answer, Found):
            return asked.answer
        raise asked.answer or RuntimeError("not answered")

    async def _answer(self) -> None:
        together = list(self._asked)
        answers: Sequence[Found | Exception]
        try:
            wanted = [a.wanted for a in together]
            answers = await asyncio.to_thread(read, self._bootstrap, self._topic, wanted, self._entry_of)
        except Exception as e:  # noqa: BLE001 - each of those who asked raises it
            answers = [e] * len(together)
        for asked, answer in zip(together, answers, strict=True):
            asked.answer = answer
            self._asked.remove(asked)


def read(
    bootstrap: str, topic: str, wanted: Sequence[Wanted], entry_of: Callable[[Message], Entry | None]
) -> list[Found]:
    """What a topic has of each feed; after a time limit what was found until then, with a warning.

    Raises:
        KafkaException: Kafka does not answer.
        TimeoutError: it stops answering.
    """
    consumer = Consumer({"bootstrap.servers": bootstrap, **CONSUMER})
    try:
        partitions = consumer.list_topics(topic, timeout=ANSWER_SECONDS).topics[topic].partitions
        ends = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=ANSWER_SECONDS) for p in partitions}
        spans = [spans_of(w, ends) for w in wanted]
        found = [Found(ends={p: span.end for p, span in s.items()}) for s in spans]
        by_feed = {(w.tenant, w.feed): (s, f) for w, s, f in zip(wanted, spans, found, strict=True)}
        for message in _messages(consumer, topic, merged(spans)):
            _sort(message, by_feed, entry_of)
        return found
    finally:
        consumer.close()


def spans_of(wanted: Wanted, bounds: Mapping[int, tuple[int, int]]) -> dict[int, Span]:
    """The offsets to read by partition, within the first and the end of each.

    Of a feed without a cursor nothing is known: it is new and Kafka has nothing of it, or its cursor was lost and only
    Kafka can tell what it has sent.
    """
    share = max(1, len(bounds))
    back = LOOKBACK_RECORDS // share if wanted.looks_back else 0
    spans = {}
    for partition, (low, high) in bounds.items():
        if wanted.since is not None:
            known = max(low, min(high, wanted.since.get(partition, low)))
        else:
            known = max(low, high - UNKNOWN_RECORDS // share) if wanted.until is None else high
        end = high if wanted.until is None else max(known, min(high, wanted.until.get(partition, known)))
        spans[partition] = Span(max(low, known - back), known, end)
    return spans


def merged(spans: Sequence[Mapping[int, Span]]) -> dict[int, list[tuple[int, int]]]:
    """The stretches of each partition that someone wants, without overlap, in order."""
    found: dict[int, list[tuple[int, int]]] = {}
    for partition, span in sorted((p, s) for by_partition in spans for p, s in by_partition.items()):
        stretches = found.setdefault(partition, [])
        if span.first == span.end:
            continue
        if stretches and span.first <= stretches[-1][1]:
            first, end = stretches[-1]
            stretches[-1] = (first, max(end, span.end))
        else:
            stretches.append((span.first, span.end))
    return {p: stretches for p, stretches in found.items() if stretches}


def _sort(
    message: Message,
    by_feed: Mapping[tuple[str, str], tuple[Mapping[int, Span], Found]],
    entry_of: Callable[[Message], Entry | None],
) -> None:
    entry = entry_of(message)
    spans, found = by_feed.get((entry.tenant, entry.feed), (None, None)) if entry else (None, None)
    if entry is None or spans is None or found is None:
        return
    first, known, end = spans[message.partition() or 0]
    offset = message.offset() or 0
    if known <= offset < end and entry.is_own:
        found.after.append(entry)
    elif first <= offset < end:
        found.before.append(entry)


def _messages(consumer: Consumer, topic: str, stretches: Mapping[int, list[tuple[int, int]]]) -> Iterator[Message]:
    deadline = time.monotonic() + LIMIT_SECONDS
    left = {p: list(s) for p, s in stretches.items()}
    while left := {p: s for p, s in left.items() if s}:
        ends = {p: s.pop(0) for p, s in left.items()}
        consumer.assign([TopicPartition(topic, p, first) for p, (first, _) in ends.items()])
        yield from _stretch(consumer, {p: end for p, (_, end) in ends.items()}, deadline)
        if time.monotonic() > deadline:
            effect = "what is left of it may be taken in again when its source shows it again"
            log.warning("tail.cut", topic=topic, seconds=LIMIT_SECONDS, effect=effect)
            return


def _stretch(consumer: Consumer, ends: dict[int, int], deadline: float) -> Iterator[Message]:
    heard = time.monotonic()
    while ends and time.monotonic() < deadline:
        messages = consumer.consume(5_000, timeout=0.5)
        if not messages and time.monotonic() - heard > STALL_SECONDS:
            raise TimeoutError("Kafka does not go on with what it has")
        heard = time.monotonic() if messages else heard
        for message in messages:
            partition, offset = message.partition() or 0, message.offset() or 0
            error = message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            if error is None and offset < ends.get(partition, 0):
                yield message
            if error is not None or offset + 1 >= ends.get(partition, 0):
                ends.pop(partition, None)
