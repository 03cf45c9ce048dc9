"""Row 7: Elasticsearch takes no writes since its disk is as good as full. The queries wait, it is said why, and they go
on by themselves once there is room."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from prometheus_client import REGISTRY
from pyspark.sql import SparkSession
from structlog.testing import capture_logs

from jobs.engine.context import Context
from jobs.job import all_jobs
from runtime.elastic import bulk
from schemas import contract
from schemas.documents import index_name
from tests.faults import figures
from tests.faults.live import living
from tests.servers import events as city
from tests.servers.stacks import Stack, until

pytestmark = pytest.mark.servers

JOB = all_jobs()["traffic_by_segment"]
TRAFFIC = contract(JOB.reads)
WATERMARK = "cluster.routing.allocation.disk.watermark"
NO_DISK_HAS_IT = "900tb"
LOOK = "10s"  # the least that Elasticsearch accepts
LIMIT_SECONDS = 300
BLOCK = "index.blocks.read_only_allow_delete"


def actions(tenant: str, count: int, first: int = 0) -> list[bulk.Action]:
    index = index_name(TRAFFIC, tenant, city.START)
    source = b'{"tenant":"%s"}' % tenant.encode()
    return [bulk.Action(index, f"{tenant}|{n}", n, source) for n in range(first, first + count)]


def test_a_blocked_index_is_waited_for_and_the_reason_is_said(context: Context) -> None:
    tenant = "row07block"
    bulk.write(context.es, actions(tenant, 5))
    index = index_name(TRAFFIC, tenant, city.START)
    context.es.indices.put_settings(index=index, settings={BLOCK: True})
    waits = 0

    def wait(*_: object) -> None:
        nonlocal waits
        waits += 1
        if waits == 3:
            context.es.indices.put_settings(index=index, settings={BLOCK: None})

    with capture_logs() as logs:
        outcome = bulk.write(context.es, actions(tenant, 20), wait)
    assert (outcome.written, outcome.refused) == (20, [])
    assert len(logs) == waits == 3
    assert all("flood-stage watermark" in entry["reason"] for entry in logs)
    assert len(figures.of(context, JOB.reads, tenant)) == 20


@pytest.mark.spark
@pytest.mark.faults
def test_queries_wait_for_room_on_the_disk_and_go_on_by_themselves(
    own_servers: Stack, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tenant = "row07"
    context = Context(own_servers.up(), tmp_path_factory.mktemp("row07"))
    context.prepare()
    events = city.events(7, tenant)[JOB.reads]
    half = len(events) // 2
    index = index_name(TRAFFIC, tenant, city.START)
    with living(spark, context, [JOB]):
        city.produce(context, JOB.reads, events[:half])
        until(lambda: is_indexed(context, tenant, events[:half]), "the first half is indexed", LIMIT_SECONDS)
        with full_disk(context.es):
            until(lambda: is_blocked(context.es, index), "the index is read-only", LIMIT_SECONDS)
            city.produce(context, JOB.reads, events[half:])
            until(lambda: paused() and paused(JOB.name), "both queries say that they wait", LIMIT_SECONDS)
            assert is_indexed(context, tenant, events[:half])
        until(lambda: not paused() and not paused(JOB.name), "the pause is over", LIMIT_SECONDS)
        until(lambda: is_indexed(context, tenant, events), "all is indexed", LIMIT_SECONDS)
        wanted = figures.expected(spark, JOB, events)
        until(lambda: figures.indexed(context, JOB, tenant) == wanted, "the figures are right", LIMIT_SECONDS)
    assert figures.letters(context, tenant) == []


def is_indexed(context: Context, tenant: str, events: list[city.Event]) -> bool:
    return figures.observed(context, JOB.reads, tenant) == figures.keys(events)


def paused(query: str = "observations") -> bool:
    """Whether a query waits for an index that takes no writes, as its metrics say."""
    return bool(REGISTRY.get_sample_value("garonne_query_paused", {"query": query, "reason": "blocked"}))


def is_blocked(es: Elasticsearch, index: str) -> bool:
    settings: dict[str, Any] = es.indices.get_settings(index=index, flat_settings=True)[index]["settings"]
    return settings.get(BLOCK) == "true"


@contextmanager
def full_disk(es: Elasticsearch) -> Iterator[None]:
    """A disk that has less room left than Elasticsearch asks for."""
    on = {f"{WATERMARK}.{name}": NO_DISK_HAS_IT for name in ("low", "high", "flood_stage")}
    on |= {"cluster.routing.allocation.disk.threshold_enabled": "true", "cluster.info.update.interval": LOOK}
    room = {f"{WATERMARK}.{name}": "1mb" for name in ("low", "high", "flood_stage")}
    es.cluster.put_settings(persistent=on)
    try:
        yield
    finally:
        es.cluster.put_settings(persistent=room)
