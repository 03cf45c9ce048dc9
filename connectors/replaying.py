"""Dead letters back into Kafka, each once: settled in Elasticsearch, sent, and said to be resolved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from elasticsearch import Elasticsearch

from connectors.duplicates import Seen
from connectors.producer import MAX_VALUE_BYTES
from connectors.redecoding import Decoded, NotReplayableError, Redecoder, StillRejectedError
from connectors.replay_counts import ReplayCounts
from runtime.avro import encoder
from runtime.elastic import resolutions
from runtime.elastic.letters import Letter, Selection, letters
from runtime.elastic.resolutions import Resolution, Sent, Stored
from runtime.endpoints import Endpoints
from runtime.records import Outgoing, RecordProducer, send
from runtime.registry import Registry
from schemas import Contract, contract
from schemas.documents import document_id, index_name

MAX_EVENTS_BYTES = 1_000_000  # of one letter: they stand in one document
HEADER = "dead_letter_id"  # of what is sent for a letter; the connector did not accept it

Encode = Callable[[Mapping[str, Any]], bytes]


class Became(StrEnum):
    """What became of a letter."""

    REPLAYED = "replayed"
    THERE = "already there"  # replayed before, or taken in by the feed meanwhile
    REJECTED = "still rejected"
    IMPOSSIBLE = "cannot be replayed"
    BUSY = "in another replay"


DONE = frozenset({Became.REPLAYED, Became.THERE})


@dataclass(frozen=True, slots=True)
class Replayed:
    """A letter and what became of it."""

    letter: Letter
    became: Became
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Ready:
    letter: Letter
    resolution: Resolution
    before: Stored | None


class Replayer:
    """Replays letters: called twice it sends an event once; killed at any moment and called again, the same bytes."""

    def __init__(self, endpoints: Endpoints, es: Elasticsearch, registry: Registry, redecode: Redecoder) -> None:
        self._endpoints, self._es, self._registry, self._redecode = endpoints, es, registry, redecode
        self._seen: Seen[str] = Seen()
        self._counts = ReplayCounts(endpoints, es)
        self._encoders: dict[str, Encode] = {}

    def replay(self, selection: Selection) -> Iterator[list[Replayed]]:
        """The letters of a selection, some at a time, when Kafka has their events.

        Raises:
            OSError: Kafka or the registry does not answer; what was settled is sent by a later call.
            elasticsearch.ApiError: Elasticsearch refuses.
        """
        try:
            for page in letters(self._es, selection):
                yield self._page(page)
        finally:
            self._counts.send()

    def _page(self, page: Sequence[Letter]) -> list[Replayed]:
        now = datetime.now(UTC)
        known = resolutions.known(self._es, page)
        found: list[Replayed] = []
        ready: list[_Ready] = []
        for letter in {x.key: x for x in page}.values():
            judged = self._judged(letter, known.get(letter.key), now)
            (ready if isinstance(judged, _Ready) else found).append(judged)  # type: ignore[arg-type]
        return found + self._send(self._without_those_there(ready))

    def _judged(self, letter: Letter, before: Stored | None, now: datetime) -> _Ready | Replayed:
        """What is to be sent for a letter, or why nothing is."""
        last = before.resolution if before else None
        if last and last.settles(letter):
            self._counts.touch(letter, last)
            return Replayed(letter, Became.THERE, f"replayed at {last.updated_at:%F %T}")
        if last and last.is_being_sent(now):
            return Replayed(letter, Became.BUSY, f"since {last.updated_at:%T}; ask again in a few minutes")
        if last and last.state == "sending":
            return _Ready(letter, replace(last, updated_at=now), before)
        fix = last.fix if last else None
        try:
            resolution = self._settled(letter, self._redecode(letter, fix), now)
        except StillRejectedError as e:
            return Replayed(letter, Became.REJECTED, str(e))
        except NotReplayableError as e:
            return Replayed(letter, Became.IMPOSSIBLE, str(e))
        return _Ready(letter, replace(resolution, fix=fix), before)

    def _settled(self, letter: Letter, decoded: Decoded, now: datetime) -> Resolution:
        """A letter's events as they will stand in Kafka."""
        encode = self._encoder(decoded.contract)
        try:
            sent = tuple(Sent(e["entity_id"], e["observed_at"], encode(e)) for e in decoded.events)
        except (ValueError, TypeError, OverflowError, AttributeError) as e:
            raise StillRejectedError(f"wrong_type: {e}") from e
        sizes = [len(s.value) for s in sent]
        if max(sizes) > MAX_VALUE_BYTES or sum(sizes) > MAX_EVENTS_BYTES:
            raise StillRejectedError(f"{sum(sizes):,} bytes of events, over {MAX_EVENTS_BYTES:,}: divide the payload")
        return replace(Resolution.begun(letter, "sending", now), event=decoded.contract.name, events=sent)

    def _encoder(self, described: Contract) -> Encode:
        if described.name not in self._encoders:
            self._encoders[described.name] = encoder(described, self._registry.register(described))
        return self._encoders[described.name]

    def _without_those_there(self, ready: Sequence[_Ready]) -> list[_Ready]:
        """Leave out what a feed's own connector has taken in meanwhile, so that it counts once."""
        fresh = [r for r in ready if r.letter.payload_place and (not r.before or r.before.resolution.state == "fixed")]
        there = self._there([(r.resolution, s) for r in fresh for s in r.resolution.events])
        kept = {id(r): tuple(s for s in r.resolution.events if self._is_new(r.resolution, s, there)) for r in fresh}
        return [replace(r, resolution=replace(r.resolution, events=kept[id(r)])) if id(r) in kept else r for r in ready]

    def _is_new(self, resolution: Resolution, event: Sent, there: set[str]) -> bool:
        name = f"{resolution.event}|{_id(resolution, event)}"
        return name not in there and self._seen.is_new(name)

    def _there(self, events: Sequence[tuple[Resolution, Sent]]) -> set[str]:
        if not events:
            return set()
        asked = [
            {"_index": index_name(contract(str(r.event)), r.tenant, s.observed_at), "_id": _id(r, s), "_source": False}
            for r, s in events
        ]
        answer = self._es.mget(docs=asked)["docs"]
        return {f"{r.event}|{_id(r, s)}" for (r, s), doc in zip(events, answer, strict=True) if doc.get("found")}

    def _send(self, ready: Sequence[_Ready]) -> list[Replayed]:
        """Settle, send, and say so: in this order, so that nothing is sent that is not settled."""
        settled = resolutions.keep(self._es, [(r.resolution, r.before) for r in ready])
        mine = [r for r in ready if r.letter.key in settled]
        send(self._endpoints.kafka_bootstrap, (m for r in mine for m in _messages(r.resolution)))
        done = [replace(r.resolution, state="resolved", updated_at=datetime.now(UTC)) for r in mine]
        if done:
            RecordProducer(self._endpoints, contract(resolutions.CONTRACT)).send(d.record() for d in done)
        resolutions.keep(self._es, [(d, settled[r.letter.key]) for d, r in zip(done, mine, strict=True)])
        for d, r in zip(done, mine, strict=True):
            self._counts.touch(r.letter, d)
        return [_said(r) if r.letter.key in settled else Replayed(r.letter, Became.BUSY) for r in ready]


def _messages(resolution: Resolution) -> Iterator[Outgoing]:
    topic = contract(str(resolution.event)).topic
    for e in resolution.events:
        key = f"{resolution.tenant}/{e.entity_id}".encode()
        yield Outgoing(topic, key, e.value, {HEADER: resolution.dead_letter_id.encode()})


def _said(ready: _Ready) -> Replayed:
    count = len(ready.resolution.events)
    if not count:
        return Replayed(ready.letter, Became.THERE, "its feed brought it meanwhile")
    return Replayed(ready.letter, Became.REPLAYED, f"{count} {ready.resolution.event}")


def _id(resolution: Resolution, event: Sent) -> str:
    key = {"tenant": resolution.tenant, "entity_id": event.entity_id, "observed_at": event.observed_at}
    return document_id(contract(str(resolution.event)), key)
