"""Dead letters: what could not be taken in, with its bytes, the reason and the place."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from confluent_kafka import KafkaError, Message, Producer

import schemas
from runtime.avro import encoder
from runtime.endpoints import Endpoints
from runtime.registry import Registry
from runtime.settings import settings

CONTRACT = "dead_letter"
PRODUCER = {"enable.idempotence": True, "acks": "all", "message.max.bytes": 2_000_000, "compression.type": "lz4"}
FLUSH_SECONDS = 60
MAX_PAYLOAD_BYTES = 1_000_000
MAX_TEXT = 2048


def dead_letter(
    *,
    tenant: str,
    feed: str,
    stage: str,
    reason: str,
    detail: str,
    place: str,
    payload: bytes,
    occurred_at: datetime,
    event: str | None = None,
    content_type: str | None = None,
) -> dict[str, Any]:
    """A value of the contract ``dead_letter``; the same failure again has the same id."""
    digest = hashlib.sha256(b"\x00".join((feed.encode(), reason.encode(), place.encode(), payload))).hexdigest()
    return {
        "tenant": tenant,
        "dead_letter_id": digest[:40],
        "occurred_at": occurred_at,
        "feed": feed,
        "event": event,
        "stage": stage,
        "reason": reason,
        "detail": detail[:MAX_TEXT],
        "place": place[:MAX_TEXT],
        "content_type": content_type,
        "payload": payload[:MAX_PAYLOAD_BYTES],
        "payload_size_bytes": len(payload),
    }


class DeadLetterProducer:
    """Sends dead letters to their topic; connects when there is the first one."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints

    def send(self, letters: Iterable[Mapping[str, Any]]) -> None:
        """Send letters, and wait until Kafka has them all.

        Raises:
            OSError: Kafka did not take them within the time limit.
        """
        contract = schemas.contract(CONTRACT)
        number = Registry(self._endpoints.schema_registry_url, settings().state / "schemas").register(contract)
        encode = encoder(contract, number)
        producer = Producer({"bootstrap.servers": self._endpoints.kafka_bootstrap, **PRODUCER})
        failures: list[str] = []

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                failures.append(error.str())

        for letter in letters:
            key = f"{letter['tenant']}/{letter['dead_letter_id']}"
            producer.produce(contract.topic, encode(letter), key.encode(), on_delivery=delivered)
            producer.poll(0)
        left = producer.flush(FLUSH_SECONDS)
        if left or failures:
            raise OSError(f"{left + len(failures)} dead letters not taken by Kafka: {(failures or ['time is up'])[0]}")
