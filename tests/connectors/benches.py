"""An intake on a bench: scripted format before it, scripted Kafka behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from connectors.acceptance import Acceptance
from connectors.breaker import Breaker
from connectors.cursor import Cursor
from connectors.delivery import Delivery
from connectors.duplicates import Known
from connectors.feed import Feed
from connectors.intake import FeedIntake
from connectors.meter import Meter
from connectors.model import Payload, Reason, Record, Reference, Rejected
from schemas import contract
from tests.connectors.scripted import HeldProducer

NOW = datetime(2026, 7, 14, 12, 0, tzinfo=UTC)


class ScriptedFormat:
    """JSON: a list of entities; "bad…" is refused, "crash" breaks the format, a list is an entity and minutes."""

    Options: Any = None

    def decode(self, payload: Payload, options: Any, reference: Reference) -> Iterator[Record | Rejected]:
        del options
        for index, item in enumerate(orjson.loads(payload.body)):
            if isinstance(item, str) and item.startswith("bad"):
                yield Rejected(Reason.MALFORMED, "bad", f"[{index}]", item.encode())
            elif item == "crash":
                raise RuntimeError("a mistake of the format")
            else:
                entity, minutes = item if isinstance(item, list) else (item, 0)
                values = {"temperature_celsius": 20.0, **reference.get(entity, {})}
                yield Record("weather_observed", entity, NOW - timedelta(minutes=minutes), values)

    def read_reference(self, payload: Payload, options: Any) -> Reference:
        raise NotImplementedError


@dataclass
class Bench:
    """An intake between a scripted format and a producer that acknowledges when the test says so."""

    feed: Feed
    cursor: Cursor = field(default_factory=Cursor)
    producer: HeldProducer = field(default_factory=HeldProducer)
    acknowledged: list[str] = field(default_factory=list)

    def intake(self, known: Known | None = None, breaker: Breaker | None = None) -> FeedIntake:
        accept = Acceptance(self.feed, contract("weather_observed"))
        outlets = self.producer.outlets(lambda event: orjson.dumps(event, default=repr))
        meter = Meter(self.feed)
        return FeedIntake(self.feed, ScriptedFormat(), accept, outlets, self.cursor, meter, known, breaker)

    def delivery(self, *items: Any, name: str = "a", problem: Rejected | None = None, repeats: bool = True) -> Delivery:
        payload = Payload(orjson.dumps(items), "topic", NOW, "application/json")
        return Delivery(payload, name, {"at": name}, repeats, lambda: self.acknowledged.append(name), problem)

    @property
    def entities(self) -> list[str]:
        return [key.removeprefix("toulouse/") for key in self.producer.keys("events")]

    @property
    def letters(self) -> list[dict[str, Any]]:
        return [orjson.loads(value) for topic, _, value in self.producer.sent if topic == "letters"]
