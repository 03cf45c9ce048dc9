"""When a stopped city's last event has become figures: counted, not guessed."""

from __future__ import annotations

import time

from confluent_kafka import Consumer, TopicPartition

from garonne.demo import parts
from garonne.metrics_view import by_label, scraped, total
from jobs.engine.observations import NAME as OBSERVATIONS
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
    taken, quiet = -1.0, 0
    while True:
        samples = scraped(running(own))
        now_taken = total(samples, "garonne_feed_payloads_total") + total(samples, "garonne_feed_records_total")
        quiet = quiet + 1 if now_taken == taken else 0
        taken = now_taken
        behind = _behind(by_label(samples, "garonne_query_rows_total", "query"), addresses)
        if quiet >= QUIET_LOOKS and not behind:
            return
        if time.monotonic() > until:
            raise RuntimeError(
                f"not drained within {PATIENCE_SECONDS} s; records behind: {behind or 'still coming in'}"
            )
        if (reason := parts.ended(own)) is not None:
            raise RuntimeError(reason)
        time.sleep(LOOK_SECONDS)


def _behind(read: dict[str, float], addresses: Endpoints) -> dict[str, int]:
    """Records that each query has not read, for queries that began with the topics."""
    held = _held(addresses)
    wanted = {job.name: held[contract(job.reads).topic] for job in all_jobs().values()}
    wanted[OBSERVATIONS] = sum(held.values())
    return {q: n - int(read.get(q, 0)) for q, n in wanted.items() if n > read.get(q, 0)}


def _held(addresses: Endpoints) -> dict[str, int]:
    """Records in each topic since it was made."""
    consumer = Consumer({"bootstrap.servers": addresses.kafka_bootstrap, "group.id": "garonne-demo"})
    try:
        known = consumer.list_topics(timeout=30).topics
        topics = [c.topic for c in contracts().values() if c.has_topic]
        return {
            t: sum(consumer.get_watermark_offsets(TopicPartition(t, p), timeout=30)[1] for p in known[t].partitions)
            for t in topics
        }
    finally:
        consumer.close()
