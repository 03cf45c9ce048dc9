"""Row 18: a day is replayed, again and again, while live data flow. No document goes back, none is missing, and all are
those of a clean run."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from pyspark.sql import SparkSession

from jobs.engine.context import Context
from jobs.engine.replay import Span, replay
from jobs.job import all_jobs
from runtime.endpoints import Endpoints
from tests.faults import figures
from tests.faults.live import living
from tests.faults.watch import watched
from tests.servers import events as city
from tests.servers.drivers import begin_anew
from tests.servers.stacks import Stack, until

pytestmark = [pytest.mark.servers, pytest.mark.spark, pytest.mark.faults]

# windows close while the replays run: a replay has to leave those that are open to the live query
JOB = replace(all_jobs()["traffic_by_segment"], lateness=timedelta(hours=1))
WITHIN = timedelta(minutes=40)
TENANT = "row18"
DAY = timedelta(days=1)
REPLAYS = 3
ARRIVALS = 40
LIMIT_SECONDS = 240


def test_a_replay_puts_nothing_back_and_leaves_nothing_out(
    own_kafka: Stack, servers: Endpoints, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> None:
    kafka = own_kafka.up()
    addresses = {"kafka_bootstrap": kafka.kafka_bootstrap, "schema_registry_url": kafka.schema_registry_url}
    context = Context(servers.model_copy(update=addresses), tmp_path_factory.mktemp("row18"))
    context.prepare()
    begin_anew(context)
    rng = random.Random(18)
    past = city.events(18, TENANT)[JOB.reads]
    live = city.disordered(rng, [a_day_later(e) for e in city.events(19, TENANT)[JOB.reads]], WITHIN, repeats=0.1)
    city.produce(context, JOB.reads, past)
    with living(spark, context, [JOB]):
        wanted = figures.expected(spark, JOB, past)
        until(lambda: figures.indexed(context, JOB, TENANT) == wanted, "the past has its figures", LIMIT_SECONDS)
        with watched(context.es, JOB.result, TENANT) as watch:
            with producing(context, live) as over:
                outcomes = []
                while len(outcomes) < REPLAYS or not over.is_set():
                    outcomes.append(replay(spark, JOB, context, Span(city.START - DAY, city.START + 2 * DAY)))
            last = {(e["entity_id"], e["observed_at"]): e for e in sorted(live, key=lambda e: e["ingested_at"])}
            wanted = figures.expected(spark, JOB, [*past, *last.values()])
            until(lambda: figures.indexed(context, JOB, TENANT) == wanted, "the figures are right", LIMIT_SECONDS)
        assert watch.changes > len(wanted) // 2
        assert all(o.written and not o.refused for o in outcomes)
    assert figures.observed(context, JOB.reads, TENANT) == figures.keys([*past, *live])


def a_day_later(event: city.Event) -> city.Event:
    return {**event, **{name: event[name] + DAY for name in ("observed_at", "ingested_at")}}


@contextmanager
def producing(context: Context, events: list[city.Event]) -> Iterator[threading.Event]:
    """Live data: some events each half second, until all are sent; says when that is."""
    over = threading.Event()
    size = len(events) // ARRIVALS + 1

    def produce() -> None:
        for n in range(0, len(events), size):
            city.produce(context, JOB.reads, events[n : n + size])
            over.wait(0.5)
        over.set()

    thread = threading.Thread(target=produce, daemon=True)
    thread.start()
    try:
        yield over
    finally:
        thread.join(LIMIT_SECONDS)
