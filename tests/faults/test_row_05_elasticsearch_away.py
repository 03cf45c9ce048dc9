"""Row 5: Elasticsearch is killed for a while, has too much to do, breaks off or dawdles. Nothing is lost, nothing is a
dead letter, the driver is not started again, and its memory is bounded."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from pyspark.sql import SparkSession

from jobs.engine.context import Context
from jobs.job import all_jobs
from runtime.elastic import bulk
from runtime.elastic.client import client
from runtime.endpoints import Endpoints
from runtime.local.process import memory_of
from schemas import contract
from schemas.documents import index_name
from tests.faults import figures
from tests.faults.front import Rule, cut, front, halve, pass_on, refuse
from tests.servers import events as city
from tests.servers.drivers import driver, said
from tests.servers.stacks import Stack, until

pytestmark = pytest.mark.servers

JOB = all_jobs()["traffic_by_segment"]
TRAFFIC = contract(JOB.reads)
LIMIT_SECONDS = 300
LOAD_PER_SECOND = 200  # events, while it is away
MOST_MEMORY_MB = 2600  # of the whole driver, of which Java's heap is 1 GB
MOST_GROWTH_MB = 300  # while it waits, after the first half of the wait


def dawdle(exchange: object) -> None:
    """The answer comes when nobody waits for it any more."""
    time.sleep(1.5)
    pass_on(exchange)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "bad", [refuse(429), refuse(503), cut, halve, dawdle], ids=["429", "503", "cut answer", "reset", "slow"]
)
def test_what_elasticsearch_does_not_take_is_sent_again(servers: Endpoints, context: Context, bad: Rule) -> None:
    tenant = f"row05n{abs(hash(bad)) % 10**8}"
    index = index_name(TRAFFIC, tenant, city.START)
    actions = [bulk.Action(index, f"{tenant}|{n}", n, b'{"tenant":"%s"}' % tenant.encode()) for n in range(300)]
    rules = itertools.chain([bad] * 4, itertools.repeat(pass_on))
    with front(servers.elasticsearch_url) as es:
        es.rule = lambda exchange: next(rules)(exchange)
        behind = servers.model_copy(update={"elasticsearch_url": es.url})
        with client(behind, timeout_seconds=1) as connection:
            outcome = bulk.write(connection, actions)
    assert outcome.refused == []
    assert set(figures.of(context, JOB.reads, tenant)) == {a.id for a in actions}


@pytest.mark.spark
@pytest.mark.faults
@pytest.mark.parametrize("seconds", [30, 600])
def test_elasticsearch_away_costs_nothing(
    own_servers: Stack, spark: SparkSession, tmp_path: Path, seconds: float
) -> None:
    tenant = f"row05s{seconds}"
    events = city.events(5, tenant)[JOB.reads]
    part = len(events) // 3
    context = Context(own_servers.up(), tmp_path)
    context.prepare()
    load = list(loading(f"{tenant}load", events[0], int(seconds)))
    with driver(tmp_path, context.endpoints, [JOB.name, "observations"]) as running:
        city.produce(context, JOB.reads, events[:part])
        _await_observations(context, tenant, events[:part], running)
        java = psutil.Process(running.pid).children()[0]
        own_servers.kill("elasticsearch")
        with measured(running.pid) as memory:
            with producing(context, events[part : 2 * part], seconds), producing(context, load, seconds):
                time.sleep(seconds)  # the failure itself lasts so long
            waiting = memory[len(memory) // 2 :]
            own_servers.up()
            city.produce(context, JOB.reads, events[2 * part :])
            for of, sent in ((tenant, events), (f"{tenant}load", load)):
                _await_observations(context, of, sent, running)
                wanted = figures.expected(spark, JOB, sent)
                until(lambda: figures.indexed(context, JOB, of) == wanted, "the figures are right", LIMIT_SECONDS)  # noqa: B023
        assert running.poll() is None
        assert java.is_running()
    assert figures.letters(context, tenant) == []
    assert "query.paused" not in (tmp_path / "driver.log").read_text(), said(tmp_path)
    assert max(memory) < MOST_MEMORY_MB
    assert max(waiting) - waiting[0] < MOST_GROWTH_MB


def loading(tenant: str, like: city.Event, seconds: int) -> Iterator[city.Event]:
    """What another city says in so many seconds, all of it within an hour of event time."""
    for n in range(seconds):
        at = city.START + timedelta(seconds=n)
        for segment in range(LOAD_PER_SECOND):
            yield {**like, "tenant": tenant, "entity_id": f"load-{segment}", "observed_at": at, "ingested_at": at}


def _await_observations(context: Context, tenant: str, events: list[city.Event], running: object) -> None:
    wanted = figures.keys(events)
    until(lambda: figures.observed(context, JOB.reads, tenant) == wanted, f"all is indexed by {running}", LIMIT_SECONDS)


@contextmanager
def measured(pid: int) -> Iterator[list[float]]:
    """Memory of a process and all below it, each second until the end of the block, in MB."""
    over, found = threading.Event(), list[float]()

    def measure() -> None:
        while not over.wait(1):
            process = psutil.Process(pid)
            found.append(memory_of([pid, *(p.pid for p in process.children(recursive=True))]))

    thread = threading.Thread(target=measure, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


@contextmanager
def producing(context: Context, events: list[city.Event], seconds: float) -> Iterator[None]:
    """Events spread over a time."""
    size = max(1, len(events) // 20)
    parts = [events[n : n + size] for n in range(0, len(events), size)]

    def produce() -> None:
        for part in parts:
            city.produce(context, JOB.reads, part)
            time.sleep(seconds * 0.9 / len(parts))

    thread = threading.Thread(target=produce, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(LIMIT_SECONDS)
