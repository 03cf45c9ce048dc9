"""Records of the platform about itself (dead letters, late observations, the ledger), sent to their topics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
        producer = Producer({"bootstrap.servers": self._endpoints.kafka_bootstrap, **PRODUCER})
        failures: list[str] = []
        sent = 0

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                failures.append(error.str())

        for record in records:
            key, value = record_key(self._contract, record).encode(), encode(record)
            while not _queued(producer, self._contract.topic, key, value, delivered):
                producer.poll(POLL_SECONDS)
            producer.poll(0)
            sent += 1
        left = producer.flush(FLUSH_SECONDS)
        if left or failures:
            reason = (failures or ["time is up"])[0]
            raise OSError(f"{left + len(failures)} records not taken by {self._contract.topic}: {reason}")
        return sent


def record_key(contract: Contract, record: Mapping[str, Any]) -> str:
    """Key of a record in Kafka: tenant and what else identifies it, so that its versions keep their order."""
    return document_id(contract, record).replace("|", "/", 1)


def _queued(producer: Producer, topic: str, key: bytes, value: bytes, delivered: Any) -> bool:
    """Whether the producer had room for a record."""
    try:
        producer.produce(topic, value, key, on_delivery=delivered)
    except BufferError:
        return False
    return True
