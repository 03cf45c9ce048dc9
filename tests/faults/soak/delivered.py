"""What the city has delivered: a city that stands comes in, ids of the events and dead letters it must become go out.

What a source said is asked of the city's own sources, and read by the feeds' formats and checks, as the connectors do;
no transport, cursor or Kafka is between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from connectors.acceptance import Acceptance
from connectors.cursor import Cursor
from connectors.feed import Feed
from connectors.letters import letter
from connectors.model import Payload, Reference, Rejected
from connectors.sources import context_of, format_of, read_reference
from connectors.transports import files, http
from connectors.transports._chunks import pieces
from runtime.urls import shown
from schemas import contract
from schemas.documents import document_id
from simulator.offer import Offer, offer_of
from simulator.radio import RadioSource
from simulator.source import Snapshots
from tests.faults.soak.city import FAULTS
from tests.faults.soak.plant import Plant

SOURCES = {
    "demo-bikes-v2": "bikes_v2",
    "demo-bikes-v3": "bikes_v3",
    "demo-buses": "buses",
    "demo-parking-record": "parking_record",
    "demo-parking-spots": "spots",
    "demo-parking-table": "parking_table",
    "demo-traffic": "traffic",
    "demo-weather-portal": "weather_portal",
    "demo-weather-radio": "weather_radio",
}


@dataclass
class Delivered:
    """Ids of events by contract, and of dead letters."""

    events: dict[str, set[str]] = field(default_factory=dict)
    letters: set[str] = field(default_factory=set)
    records: int = 0  # repeats included


@dataclass(frozen=True)
class Said:
    """What the city of a pipeline has said in its life. It must stand, and still answer."""

    plant: Plant
    status: Mapping[str, Any]

    @cached_property
    def offer(self) -> Offer:
        """The sources of the city."""
        return offer_of(self.plant.life.city)

    @property
    def start(self) -> int:
        """Beginning of its life, in seconds of city time."""
        return _seconds(self.status["started_at"])

    @property
    def end(self) -> int:
        """The last second of its life."""
        return self.start + int(self.plant.life.seconds)

    def is_over(self) -> bool:
        """Whether it stands, and all that was polled and dropped has been taken."""
        steps = (s for s in (*self.offer.polled, self.offer.traffic))
        return _seconds(self.status["city_time"]) >= self.end and all(map(self._is_taken, steps))

    def payloads(self, feed: Feed) -> Iterator[Payload]:
        """All that it said to a feed, in the order of its time."""
        sources: tuple[Snapshots | RadioSource, ...] = (*self.offer.polled, self.offer.traffic, *self.offer.radio)
        source = next(s for s in sources if s.name == SOURCES[feed.id])
        now = datetime.now(UTC)
        if isinstance(source, RadioSource):
            # the messages of a second are sent when it begins
            messages, _ = source.published(self.start, self.end + 1, FAULTS)
            return (Payload(m.payload, m.topic.decode(), now) for m in messages)
        steps = source.times(self.start, self._until(source))
        if isinstance(feed.transport, http.Options):
            place = shown(feed.transport.url)
            return (Payload(source.answer(t, FAULTS).body, place, now) for t in steps)
        assert isinstance(feed.transport, files.Options)
        return self._of_files(feed.transport, steps, now)

    def _of_files(self, options: files.Options, steps: Iterator[int], now: datetime) -> Iterator[Payload]:
        for path in self.plant.bursts:
            yield from self._of_file(options, path.name, path.read_bytes(), now)
        for step in steps:
            body = self.offer.traffic.answer(step, FAULTS).body
            yield from self._of_file(options, self.offer.traffic.file_name(step), body, now)

    def _of_file(self, options: files.Options, name: str, body: bytes, now: datetime) -> Iterator[Payload]:
        """A file as its transport cuts it, written once more: those of the city may be gone from the folder."""
        path = self.plant.settings.state / "again" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(body)
        for piece in pieces(path, "csv", options.header_lines, 0, options.limits()):
            yield Payload(bytes(piece.body), f"{name}:{piece.first_line}", now)
        path.unlink()

    def _until(self, source: Snapshots) -> int:
        return _seconds(self.status["sources"][source.name]["delivered_until"])

    def _is_taken(self, source: Snapshots) -> bool:
        """Whether the next step is not due in this life: a file when its time is over, an answer when it begins."""
        is_file = source is self.offer.traffic
        return self._until(source) + (source.period if is_file else 0) > self.end


def delivered(plant: Plant) -> Delivered:
    """All that a city, which stands and still answers, has delivered to the feeds."""
    said, found = Said(plant, plant.status()), Delivered()
    for feed in plant.feeds:
        accept, decoder, reference = (
            Acceptance(feed, contract(feed.event)),
            format_of(feed.format),
            _reference(plant, feed),
        )
        ids = found.events.setdefault(feed.event, set())
        for payload in said.payloads(feed):
            for item in decoder.decode(payload, feed.format, reference):
                judged = item if isinstance(item, Rejected) else accept(item, payload.received_at)
                found.records += 1
                if isinstance(judged, Rejected):
                    found.letters.add(letter(feed, payload, judged, "decode", payload.received_at)["dead_letter_id"])
                else:
                    ids.add(document_id(contract(feed.event), judged))
    return found


def _reference(plant: Plant, feed: Feed) -> Reference:
    def report(kind: str, error: Exception) -> None:
        raise RuntimeError(f"{feed.id}: {kind}") from error

    return asyncio.run(read_reference(feed, context_of(feed, plant.settings, Cursor(), None, report)))


def _seconds(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp())
