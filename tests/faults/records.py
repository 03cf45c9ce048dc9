"""Records of the platform as they stand in Kafka: of each the newest version."""

from __future__ import annotations

import uuid
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from jobs.engine.context import Context
from runtime.avro import Decoder
from runtime.records import record_key
from schemas import Contract


def newest(context: Context, contract: Contract) -> dict[str, dict[str, Any]]:
    """The newest version of each record of a contract, by its key."""
    decode = Decoder(contract, context.registry)
    found: dict[str, dict[str, Any]] = {}
    consumer = Consumer({"bootstrap.servers": context.endpoints.kafka_bootstrap, "group.id": uuid.uuid4().hex})
    try:
        partitions = consumer.list_topics(contract.topic, timeout=30).topics[contract.topic].partitions
        for partition in partitions:
            first, end = consumer.get_watermark_offsets(TopicPartition(contract.topic, partition), timeout=30)
            consumer.assign([TopicPartition(contract.topic, partition, first)])
            while first < end:
                for message in consumer.consume(10_000, timeout=1):
                    if message.error() is None and (message.offset() or 0) < end:
                        record = decode(message.value() or b"")
                        key = record_key(contract, record)
                        if key not in found or found[key][contract.version] <= record[contract.version]:
                            found[key] = record
                    first = (message.offset() or 0) + 1
    finally:
        consumer.close()
    return found
