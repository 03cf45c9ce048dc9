"""The query without a window: every accepted event to its observation and to its entity's latest state.

The workers take raw Kafka messages and decode them with fastavro: Spark's part is the offsets and the checkpoint.
What cannot be decoded becomes a dead letter here, once for all queries.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from jobs.engine.sink import ArrowFunction, Written, told
from jobs.engine.worker import Writer
from runtime.avro import Decoder, NotWireFormatError
from runtime.dead_letters import dead_letter
from runtime.elastic.bulk import Action
from runtime.endpoints import Endpoints
from runtime.future import FutureTimeError, refuse_future
from runtime.registry import Registry, UnknownSchemaError
from schemas import Contract, contracts
from schemas.documents import TENANT, document_id, index_name, latest_index_name

NAME = "observations"
COLUMNS = ("key", "value", "topic", "partition", "offset", "timestamp")


@dataclass(slots=True)
class Batch:
    """What a partition's messages come to."""

    observations: list[Action] = field(default_factory=list)
    latest: dict[tuple[str, str], Action] = field(default_factory=dict)
    letters: list[dict[str, Any]] = field(default_factory=list)

    def add(self, contract: Contract, event: Mapping[str, Any]) -> None:
        """Take in one event: its observation, and its entity's latest state when it is the newest so far."""
        source = orjson.dumps({k: v for k, v in event.items() if v is not None}, default=_base64)
        time = event[contract.time]
        version = _micros(event[contract.version])
        id_ = document_id(contract, event)
        # "external": the same observation again changes nothing, one taken in later replaces it
        self.observations.append(Action(index_name(contract, event["tenant"], time), id_, version, source, "external"))
        if contract.has_latest:
            self._keep_latest(
                Action(latest_index_name(contract, event["tenant"]), _entity(event), _micros(time), source)
            )

    def _keep_latest(self, action: Action) -> None:
        newest = self.latest.get((action.index, action.id))
        if newest is None or newest.version <= action.version:
            self.latest[action.index, action.id] = action


def indexing(endpoints: Endpoints, schema_cache: Path) -> ArrowFunction:
    """A function for the workers: Kafka messages in, one row of counts out."""

    def indexed(batches: Iterable[pa.RecordBatch]) -> Written:
        batch = collect(_messages(batches), decoder(endpoints.schema_registry_url, schema_cache))
        writer = Writer(endpoints, NAME)
        writer.bury(batch.letters)
        # those who watch look at the latest states, so they go first and can be seen at once
        outcome = writer.write(batch.latest.values(), visible=True)
        outcome.add(writer.write(batch.observations))
        return Written(outcome.written, outcome.unchanged, len(outcome.refused) + len(batch.letters))

    return told(indexed)


Message = Mapping[str, Any]
Decode = Callable[[str, bytes], tuple[Contract, dict[str, Any]]]


@lru_cache(maxsize=1)
def decoder(registry_url: str, schema_cache: Path) -> Decode:
    """A function that gives the contract and the event of a message of a topic; a worker keeps it between batches."""
    registry = Registry(registry_url, schema_cache)
    by_topic = {c.topic: (c, Decoder(c, registry)) for c in contracts().values() if c.has_topic}

    def decode(topic: str, value: bytes) -> tuple[Contract, dict[str, Any]]:
        contract, read = by_topic[topic]
        return contract, read(value)

    return decode


def collect(messages: Iterable[Message], decode: Decode) -> Batch:
    """What messages come to; one that cannot be decoded becomes a dead letter.

    Raises:
        OSError: the registry does not answer for a schema that was never seen.
    """
    batch = Batch()
    for message in messages:
        try:
            contract, event = decode(message["topic"], message["value"] or b"")
            _refuse_tenant(event)
            refuse_future(contract, event, message["timestamp"])
        except (NotWireFormatError, UnknownSchemaError, TenantNameError, FutureTimeError) as e:
            batch.letters.append(_letter(message, e))
        else:
            batch.add(contract, event)
    return batch


class TenantNameError(ValueError):
    """The event says it is of a tenant that cannot have an index."""


REASONS = {
    NotWireFormatError: "malformed",
    UnknownSchemaError: "unknown_schema",
    TenantNameError: "invalid_tenant",
    FutureTimeError: "future_time",
}


def _refuse_tenant(event: Mapping[str, Any]) -> None:
    if not re.fullmatch(TENANT, event["tenant"]):
        raise TenantNameError(f"{event['tenant']!r} is not a tenant's name: {TENANT}")


def _messages(batches: Iterable[pa.RecordBatch]) -> Iterator[Message]:
    for batch in batches:
        columns = [batch.column(name).to_pylist() for name in COLUMNS]
        for values in zip(*columns, strict=True):
            yield dict(zip(COLUMNS, values, strict=True))


def _letter(message: Message, error: Exception) -> dict[str, Any]:
    key = (message["key"] or b"").decode("utf-8", "replace")
    return dead_letter(
        tenant=key.split("/", 1)[0],
        feed=message["topic"],
        stage="decode",
        reason=REASONS[type(error)],
        detail=str(error),
        place=f"{message['topic']}/{message['partition']}/{message['offset']}",
        payload=message["value"] or b"",
        occurred_at=message["timestamp"].astimezone(UTC),
        content_type="application/vnd.confluent.avro",
    )


def _entity(event: Mapping[str, Any]) -> str:
    return f"{event['tenant']}|{event['entity_id']}"


def _micros(time: datetime) -> int:
    return int(time.timestamp()) * 1_000_000 + time.microsecond


def _base64(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value)} in an event")
