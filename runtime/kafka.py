"""Topics of the contracts."""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from schemas import Contract

BROKER_DEFAULT = -1
RETENTION_MS = 7 * 24 * 3600 * 1000
TIMEOUT_SECONDS = 30


def ensure_topics(bootstrap: str, contracts: Iterable[Contract]) -> None:
    """Create the topics that are missing; partitions and replication are the broker's default.

    Raises:
        confluent_kafka.KafkaException: the broker does not answer or refuses.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap, "socket.timeout.ms": TIMEOUT_SECONDS * 1000, "log_level": 3})
    there = admin.list_topics(timeout=TIMEOUT_SECONDS).topics
    wanted = [c for c in contracts if c.has_topic and c.topic not in there]
    if not wanted:
        return
    made = admin.create_topics([_topic(c) for c in wanted], request_timeout=TIMEOUT_SECONDS)
    for future in made.values():
        try:
            future.result(TIMEOUT_SECONDS)
        except KafkaException as e:
            if e.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


def _topic(contract: Contract) -> NewTopic:
    return NewTopic(
        contract.topic,
        num_partitions=BROKER_DEFAULT,
        config={"retention.ms": str(RETENTION_MS), "max.message.bytes": "2097152"},
    )
