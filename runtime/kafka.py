"""Topics of the contracts, and the offsets that they hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]
from confluent_kafka.cimpl import NewTopic

from schemas import Contract

BROKER_DEFAULT = -1
RETENTION_MS = 7 * 24 * 3600 * 1000
TIMEOUT_SECONDS = 30

Offsets = Mapping[int, int]  # by partition


@dataclass(frozen=True)
class Held:
    """What a topic holds: of each partition the first offset that was not deleted, and the offset after the last."""

    topic_id: str  # another one when the topic was deleted and made again
    first: Offsets
    end: Offsets


def ensure_topics(bootstrap: str, contracts: Iterable[Contract]) -> None:
    """Create the topics that are missing; partitions and replication are the broker's default.

    Raises:
        confluent_kafka.KafkaException: the broker does not answer or refuses.
    """
    admin = _admin(bootstrap)
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


def held(bootstrap: str, topics: Iterable[str]) -> dict[str, Held]:
    """What topics hold now; a topic that there is not is not among them.

    Raises:
        confluent_kafka.KafkaException: the broker does not answer.
    """
    admin = _admin(bootstrap)
    described = admin.describe_topics(TopicCollection(list(topics)), request_timeout=TIMEOUT_SECONDS)
    found = {}
    for name, future in described.items():
        try:
            found[name] = future.result(TIMEOUT_SECONDS)
        except KafkaException as e:
            if e.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise
    partitions = {name: [p.id for p in topic.partitions] for name, topic in found.items()}
    specs = OffsetSpec.earliest(), OffsetSpec.latest()  # type: ignore[no-untyped-call]
    first, end = (_listed(admin, partitions, spec) for spec in specs)
    return {name: Held(str(topic.topic_id), first[name], end[name]) for name, topic in found.items()}


def offsets_since(bootstrap: str, topic: str, time: datetime, within: Held) -> Offsets:
    """Of each partition the first offset with a message that came at or after a time; the end where there is none."""
    spec = OffsetSpec.for_timestamp(int(time.timestamp() * 1000))
    found = _listed(_admin(bootstrap), {topic: list(within.end)}, spec)[topic]
    return {p: offset if offset >= 0 else within.end[p] for p, offset in found.items()}


def _listed(admin: AdminClient, partitions: Mapping[str, list[int]], spec: OffsetSpec) -> dict[str, Offsets]:
    asked = {TopicPartition(name, p): spec for name, numbers in partitions.items() for p in numbers}
    answers = admin.list_offsets(asked, request_timeout=TIMEOUT_SECONDS) if asked else {}
    found: dict[str, dict[int, int]] = {name: {} for name in partitions}
    for place, future in answers.items():
        found[place.topic][place.partition] = future.result(TIMEOUT_SECONDS).offset
    return {name: dict(sorted(offsets.items())) for name, offsets in found.items()}


def _admin(bootstrap: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": bootstrap, "socket.timeout.ms": TIMEOUT_SECONDS * 1000, "log_level": 3})


def _topic(contract: Contract) -> NewTopic:
    return NewTopic(
        contract.topic,
        num_partitions=BROKER_DEFAULT,
        config={"retention.ms": str(RETENTION_MS), "max.message.bytes": "2097152"},
    )
