"""Records of the platform about itself (dead letters, late observations, the ledger), sent to their topics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, Message, Producer

from runtime.avro import encoder
from runtime.endpoints import Endpoints
from runtime.registry import Registry
from runtime.settings import settings
from schemas import Contract
from schemas.documents import document_id

PRODUCER = {"enable.idempotence": True, "acks": "all", "message.max.bytes": 2_000_000, "compression.type": "lz4"}
FLUSH_SECONDS = 60
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What is to stand in a topic."""

    topic: str
    key: bytes
    value: bytes
    headers: Mapping[str, bytes] = field(default_factory=dict)


class RecordProducer:
    """Sends records of a contract to its topic; connects when there is the first one."""

    def __init__(self, endpoints: Endpoints, contract: Contract) -> None:
        self._endpoints = endpoints
        self._contract = contract

    def send(self, records: Iterable[Mapping[str, Any]]) -> int:
        """Send records, and wait until Kafka has them all; how many there were.

        Raises:
            OSError: Kafka did not take them within the time limit.
        """
        registry = Registry(self._endpoints.schema_registry_url, settings().state / "schemas")
        encode = encoder(self._contract, registry.register(self._contract))
        topic = self._contract.topic
        messages = (Outgoing(topic, record_key(self._contract, r).encode(), encode(r)) for r in records)
        return send(self._endpoints.kafka_bootstrap, messages)


def send(bootstrap: str, messages: Iterable[Outgoing]) -> int:
    """Send messages, and wait until Kafka has them all; how many there were.

    Raises:
        OSError: Kafka did not take them within the time limit.
    """
    producer = Producer({"bootstrap.servers": bootstrap, **PRODUCER})
    failures: list[str] = []
    sent = 0

    def delivered(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failures.append(error.str())

    for message in messages:
        while not _queued(producer, message, delivered):
            producer.poll(POLL_SECONDS)
        producer.poll(0)
        sent += 1
    left = producer.flush(FLUSH_SECONDS)
    if left or failures:
        raise OSError(f"{left + len(failures)} records not taken by Kafka: {(failures or ['time is up'])[0]}")
    return sent


def record_key(contract: Contract, record: Mapping[str, Any]) -> str:
    """Key of a record in Kafka: tenant and what else identifies it, so that its versions keep their order."""
    return document_id(contract, record).replace("|", "/", 1)


def _queued(producer: Producer, message: Outgoing, delivered: Any) -> bool:
    """Whether the producer had room for a record."""
    try:
        producer.produce(
            message.topic, message.value, message.key, on_delivery=delivered, headers=dict(message.headers)
        )
    except BufferError:
        return False
    return True
