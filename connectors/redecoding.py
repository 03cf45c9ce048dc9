"""A dead letter decoded again: by what its feed's YAML says now, or by its contract when it was refused after Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from connectors.acceptance import Acceptance, Event
from connectors.cursor import Cursor
from connectors.feed import Feed, FeedError, load_feed
from connectors.model import Payload, Record, Reference, Rejected
from connectors.sources import broker_of, context_of, format_of, read_reference
from runtime.avro import Decoder, NotWireFormatError, SchemaSource
from runtime.elastic.letters import Letter
from runtime.endpoints import Endpoints
from runtime.future import FutureTimeError, refuse_future
from runtime.registry import UnknownSchemaError
from runtime.settings import Settings
from schemas import Contract, Kind, contract, contracts
from schemas.validation import problems, typed

REFERENCE_SECONDS = 120


class StillRejectedError(ValueError):
    """A letter's payload gives no event, or not only events."""


class NotReplayableError(ValueError):
    """A letter that cannot become an event again, whatever is done with its bytes."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The events of a letter."""

    contract: Contract
    events: list[Event]


class Redecoder:
    """Decodes letters; what it needs of a feed is read when the feed's first letter comes."""

    def __init__(self, feeds: Path, settings: Settings, addresses: Endpoints, registry: SchemaSource) -> None:
        """Look for feeds in a folder, or take the one in a file."""
        self._settings, self._addresses = settings, addresses
        self._registry = registry
        self._files = _files(feeds)
        self._feeds: dict[tuple[str, str], _FeedDecoder | NotReplayableError] = {}

    def __call__(self, letter: Letter, fix: bytes | None = None) -> Decoded:
        """The events of a letter, or of the payload that was given in the place of its own.

        Raises:
            StillRejectedError: it cannot be read, or something in it is refused; says what.
            NotReplayableError: it is a result, or its feed cannot be used; says what to do.
            OSError: the registry does not answer.
        """
        if letter.payload_place is not None:
            return self._of_feed(letter, fix)
        if fix is None and not letter.is_whole:
            raise StillRejectedError(f"only {len(letter.payload):,} of {letter.payload_size_bytes:,} bytes were kept")
        body = letter.payload if fix is None else fix
        found = self._of_index(letter, body) if letter.stage == "index" else self._of_topic(letter, body)
        event = found.events[0]
        if event["tenant"] != letter.tenant:
            raise StillRejectedError(f"an event of {event['tenant']!r}, and the letter is of {letter.tenant!r}")
        try:
            refuse_future(found.contract, event, letter.occurred_at)
        except FutureTimeError as e:
            raise StillRejectedError(f"future_time: {e}") from e
        return found

    def _of_feed(self, letter: Letter, fix: bytes | None) -> Decoded:
        name = (letter.tenant, letter.feed)
        if name not in self._feeds:
            try:
                self._feeds[name] = self._decoder(letter)
            except NotReplayableError as e:
                self._feeds[name] = e
        decoder = self._feeds[name]
        if isinstance(decoder, NotReplayableError):
            raise decoder
        if fix is None and not letter.is_whole:
            raise StillRejectedError("its bytes were not kept as a whole: give them with 'garonne deadletters fix'")
        return decoder(letter, letter.payload if fix is None else fix)

    def _decoder(self, letter: Letter) -> _FeedDecoder:
        try:
            found = [load_feed(path) for path in self._files.get(letter.feed, ())]
        except FeedError as e:
            raise NotReplayableError(f"its feed cannot be used: {e}") from e
        feed = next((f for f in found if f.tenant == letter.tenant), None)
        if feed is None:
            raise NotReplayableError(f"no feed {letter.feed!r} of {letter.tenant!r} among the YAML files")
        try:
            reference = asyncio.run(self._reference(feed))
            return _FeedDecoder(feed, reference, Acceptance(feed, contract(feed.event)))
        except Exception as e:  # transports and formats are plugins
            raise NotReplayableError(f"the feed's reference cannot be read: {e or type(e).__name__}") from e

    async def _reference(self, feed: Feed) -> Reference:
        context = context_of(feed, self._settings, Cursor(), broker_of(self._addresses), lambda *_: None)
        async with asyncio.timeout(REFERENCE_SECONDS):
            return await read_reference(feed, context)

    def _of_topic(self, letter: Letter, body: bytes) -> Decoded:
        """A message that could not be decoded: Avro, or the event as JSON where somebody wrote it anew."""
        found = next((c for c in contracts().values() if c.has_topic and c.topic == letter.feed), None)
        if found is None or found.kind is not Kind.EVENT:
            raise NotReplayableError(f"{letter.feed} is no topic of events")
        if body.startswith(b"{"):
            return _of_json(found, body)
        try:
            return Decoded(found, [Decoder(found, self._registry)(body)])
        except (NotWireFormatError, UnknownSchemaError) as e:
            raise StillRejectedError(str(e)) from e

    def _of_index(self, letter: Letter, body: bytes) -> Decoded:
        """A document that Elasticsearch refused."""
        index = letter.place.split("/", 1)[0]
        name = index.split("-")[1].removesuffix("_latest") if index.count("-") > 1 else ""
        found = contracts().get(name)
        if found is None:
            raise NotReplayableError(f"{index} is no index of events")
        if found.kind is not Kind.EVENT:
            raise NotReplayableError(_how_to_compute_again(letter, body, found))
        return _of_json(found, body)


@dataclass(frozen=True, slots=True)
class _FeedDecoder:
    feed: Feed
    reference: Reference
    accept: Acceptance

    def __call__(self, letter: Letter, body: bytes) -> Decoded:
        payload = Payload(body, letter.payload_place or "", letter.occurred_at, letter.content_type)
        events: dict[tuple[str, object], Event] = {}
        for item in self._items(payload):
            judged = item if isinstance(item, Rejected) else self.accept(item, letter.occurred_at)
            if isinstance(judged, Rejected):
                raise StillRejectedError(" ".join(f"{judged.reason} {judged.place}".split()) + f": {judged.detail}")
            events.setdefault((judged["entity_id"], judged["observed_at"]), judged)
        if not events:
            raise StillRejectedError("no record in it")
        return Decoded(contract(self.feed.event), list(events.values()))

    def _items(self, payload: Payload) -> Iterator[Record | Rejected]:
        try:
            yield from format_of(self.feed.format).decode(payload, self.feed.format, self.reference)
        except Exception as e:  # formats are plugins and their input is anyone's
            raise StillRejectedError(f"the format broke down: {type(e).__name__}: {e}") from e


def _files(feeds: Path) -> Mapping[str, list[Path]]:
    """The YAML files by the feed's id; a letter's feed is looked up in it and is never a path."""
    found: dict[str, list[Path]] = {}
    for path in sorted(feeds.rglob("*.yaml")) if feeds.is_dir() else [feeds]:
        found.setdefault(path.stem, []).append(path)
    return found


def _of_json(described: Contract, body: bytes) -> Decoded:
    try:
        loaded = orjson.loads(body)
    except orjson.JSONDecodeError as e:
        raise StillRejectedError(f"malformed: not JSON: {e}") from e
    if not isinstance(loaded, dict):
        raise StillRejectedError("malformed: not an event")
    event = typed(described, loaded)
    wrong = problems(described, event)
    if wrong:
        raise StillRejectedError("; ".join(wrong))
    return Decoded(described, [event])


def _how_to_compute_again(letter: Letter, body: bytes, result: Contract) -> str:
    try:
        source = orjson.loads(body)
        span = f"--from {source['window_start']} --to {source['window_end']}"
    except (orjson.JSONDecodeError, TypeError, KeyError):
        span = "--from … --to …"
    return f"a {result.name}, which is computed: mend what refused it, then 'garonne replay {span} {letter.feed}'"
