"""Records of the platform as they stand in Kafka: of each the newest version."""

from __future__ import annotations

from typing import Any

from jobs.engine.context import Context
from runtime.avro import Decoder
from runtime.records import record_key
from schemas import Contract
from tests.servers.ingesting import messages


def newest(context: Context, contract: Contract) -> dict[str, dict[str, Any]]:
    """The newest version of each record of a contract, by its key."""
    decode = Decoder(contract, context.registry)
    found: dict[str, dict[str, Any]] = {}
    for message in messages(context.endpoints.kafka_bootstrap, contract.topic):
        record = decode(message.value() or b"")
        key = record_key(contract, record)
        if key not in found or found[key][contract.version] <= record[contract.version]:
            found[key] = record
    return found
