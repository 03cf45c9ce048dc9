"""What Kafka holds: a topic read by a plain consumer, what can be accepted of it by id."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Message

from jobs.engine.context import Context
from runtime.avro import Decoder, NotWireFormatError
from runtime.future import TOLERANCE as FUTURE_TOLERANCE
from runtime.registry import UnknownSchemaError
from schemas import Contract, Kind
from schemas.documents import TENANT, document_id
from tests.servers.ingesting import messages


@dataclass
class Held:
    """A topic's events by id, each with the time that tells the newer of two; and the newest of each entity."""

    newest: dict[str, datetime] = field(default_factory=dict)
    latest: dict[str, datetime] = field(default_factory=dict)
    records: int = 0
    refused: int = 0

    @property
    def repeats(self) -> int:
        """Records that came once more."""
        return self.records - self.refused - len(self.newest)

    def add(self, contract: Contract, event: Mapping[str, Any]) -> None:
        """Take in one event."""
        id_, version, time = document_id(contract, event), event[contract.version], event[contract.time]
        self.newest[id_] = max(version, self.newest.get(id_, version))
        if contract.has_latest:
            entity = f"{event['tenant']}|{event['entity_id']}"
            self.latest[entity] = max(time, self.latest.get(entity, time))


def held(context: Context, contract: Contract) -> Held:
    """All that a contract's topic holds."""
    found, decode = Held(), Decoder(contract, context.registry)
    for message in messages(context.endpoints.kafka_bootstrap, contract.topic):
        found.records += 1
        event = _accepted(message, contract, decode)
        if event is None:
            found.refused += 1
        else:
            found.add(contract, event)
    return found


def _accepted(message: Message, contract: Contract, decode: Decoder) -> Mapping[str, Any] | None:
    try:
        event = decode(message.value() or b"")
    except (NotWireFormatError, UnknownSchemaError):
        return None
    sent_at = datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC)
    is_future = contract.kind is Kind.EVENT and event[contract.time] > sent_at + FUTURE_TOLERANCE
    return None if is_future or not re.fullmatch(TENANT, event["tenant"]) else event
