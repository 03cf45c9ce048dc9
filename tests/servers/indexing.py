"""Kafka's messages into Elasticsearch by the function that Spark's workers run, without Spark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
from confluent_kafka import Message

from jobs.engine.context import Context
from jobs.engine.observations import COLUMNS, indexing
from runtime.endpoints import Endpoints
from schemas import contracts
from tests.servers.ingesting import messages

TIMESTAMP = pa.timestamp("ms", tz="UTC")


def index_tenants(endpoints: Endpoints, state: Path, *tenants: str) -> None:
    """Bring all that is in Kafka of these tenants to its documents, visible at once."""
    context = Context(endpoints, state)
    context.prepare()
    found = [m for c in contracts().values() if c.has_topic for m in messages(endpoints.kafka_bootstrap, c.topic)]
    rows = [_row(m) for m in found if (m.key() or b"").split(b"/")[0].decode("utf-8", "replace") in tenants]
    if rows:
        columns = {name: [row[name] for row in rows] for name in COLUMNS if name != "timestamp"}
        columns["timestamp"] = pa.array([row["timestamp"] for row in rows], TIMESTAMP)
        list(indexing(endpoints, context.schema_cache)([pa.RecordBatch.from_pydict(columns)]))
    context.es.indices.refresh(index="city-*", ignore_unavailable=True)


def _row(message: Message) -> dict[str, Any]:
    values = (message.key(), message.value(), message.topic(), message.partition(), message.offset())
    return {**dict(zip(COLUMNS, values, strict=False)), "timestamp": message.timestamp()[1]}
