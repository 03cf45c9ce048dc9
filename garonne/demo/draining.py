"""When a stopped city's last event has become figures: counted, not guessed."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from garonne.demo import parts
from garonne.metrics_view import Sample, scraped, total
from jobs.engine.observations import NAME as OBSERVATIONS
from jobs.engine.offsets import committed
from jobs.job import all_jobs
from runtime.endpoints import Endpoints
from runtime.processes import running
from runtime.settings import Settings
from schemas import contract, contracts

PATIENCE_SECONDS = 300
# this many looks in a row in which the connectors took in nothing: beyond their longest poll of an idle source
QUIET_LOOKS = 5
LOOK_SECONDS = 1.0


def wait_until_drained(own: Settings, addresses: Endpoints) -> None:
    """Wait until the connectors have nothing more to take in and every query has read all of its topic.

    Raises:
        RuntimeError: that did not happen within five minutes; says what is behind.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    before, quiet = -1.0, 0
    while True:
        now = taken_in(scraped(running(own)))
        quiet = quiet + 1 if now == before else 0
        before = now
        behind = records_behind(own, addresses)
        if quiet >= QUIET_LOOKS and not behind:
            return
        if time.monotonic() > until:
            raise RuntimeError(
                f"not drained within {PATIENCE_SECONDS} s; records behind: {behind or 'still coming in'}"
            )
        if (reason := parts.ended(own)) is not None:
            raise RuntimeError(reason)
        time.sleep(LOOK_SECONDS)


def taken_in(samples: Sequence[Sample]) -> float:
    """Payloads and records that the connectors have taken in since they began; stands still when nothing comes."""
    return total(samples, "garonne_feed_payloads_total") + total(samples, "garonne_feed_records_total")


def records_behind(own: Settings, addresses: Endpoints) -> dict[str, int]:
    """Records that each query has not worked off, by the offsets it has committed; queries without any are left out.

    Raises:
        confluent_kafka.KafkaException: Kafka does not answer.
    """
    ends = _ends(addresses)
    reads = {job.name: [contract(job.reads).topic] for job in all_jobs().values()} | {OBSERVATIONS: list(ends)}
    behind = {q: _behind(_committed(own.state / "checkpoints" / q), {t: ends[t] for t in reads[q]}) for q in reads}
    return {query: records for query, records in behind.items() if records}


def _behind(done: Mapping[str, Mapping[str, int]], ends: Mapping[str, Mapping[int, int]]) -> int:
    return sum(end - done.get(t, {}).get(str(p), 0) for t, partitions in ends.items() for p, end in partitions.items())


def _committed(checkpoint: Path) -> dict[str, dict[str, int]]:
    """Offsets by topic and partition up to which a query's last committed batch has read."""
    batches = committed(checkpoint)
    if not batches:
        return {}
    lines = (checkpoint / "offsets" / str(batches[-1])).read_text(encoding="utf-8").splitlines()
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def _ends(addresses: Endpoints) -> dict[str, dict[int, int]]:
    """The end of each partition of each topic of a contract."""
    consumer = Consumer({"bootstrap.servers": addresses.kafka_bootstrap, "group.id": "garonne-demo"})
    try:
        known = consumer.list_topics(timeout=30).topics
        return {
            t: {p: consumer.get_watermark_offsets(TopicPartition(t, p), timeout=30)[1] for p in known[t].partitions}
            for t in (c.topic for c in contracts().values() if c.has_topic)
        }
    finally:
        consumer.close()
