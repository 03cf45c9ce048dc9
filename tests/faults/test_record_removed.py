"""A record that somebody removes from a topic shows in the ledger, and so does one that nobody accepted."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from pyspark.sql import SparkSession

from jobs.engine.context import Context
from jobs.engine.ledger import FeedHour, Span
from jobs.engine.ledger_counts import counted
from jobs.engine.runner import drain
from jobs.engine.streams import observations_query
from runtime.records import RecordProducer
from runtime.settings import PROJECT
from schemas import contract
from tests.servers import events as city
from tests.servers.drivers import environment_of
from tests.servers.stacks import Stack, until

pytestmark = [pytest.mark.servers, pytest.mark.spark, pytest.mark.faults]

NAME = "traffic_flow_observed"
SPAN = Span(city.START, city.START.replace(hour=23))


def test_a_record_removed_by_hand_and_one_smuggled_in_show(
    own_servers: Stack, spark: SparkSession, tmp_path: Path
) -> None:
    context = Context(own_servers.up(), tmp_path)
    context.prepare()
    came = datetime.now(UTC) - timedelta(minutes=10)
    every = [{**e, "ingested_at": came} for e in city.events(5, "portet")[NAME] if e["observed_at"] < SPAN.end]
    city.produce(context, NAME, every)
    RecordProducer(context.endpoints, contract("ledger")).send(city.said(NAME, every))
    admin = AdminClient({"bootstrap.servers": context.endpoints.kafka_bootstrap})
    partition = TopicPartition(contract(NAME).topic, 0, 1)  # the oldest record of a partition
    for future in admin.delete_records([partition]).values():
        future.result(30)

    missing = problems(spark, context)
    assert [problem for _, problem in missing] == ["1 accepted and not in the index"]
    said = garonne(context, "ledger", "--check", "--now")
    assert (said.returncode, "1 accepted and not in the index" in said.stdout) == (1, True), said.stdout + said.stderr
    until(lambda: "1 accepted and not in the index" in garonne(context, "status").stdout, "the status tells it", 120)
    assert garonne(context, "status").returncode == 1

    smuggled = [{**every[-1], "entity_id": "segment-of-nobody", "feed": "nobody"}]
    city.produce(context, NAME, smuggled)
    more = problems(spark, context)
    assert sorted(problem for _, problem in more) == [
        "1 accepted and not in the index",
        "1 in the index that no connector accepted",
    ]


def garonne(context: Context, *words: str) -> subprocess.CompletedProcess[str]:
    """A command as a person runs it."""
    environment = {**environment_of(context.state, context.endpoints), "COLUMNS": "200"}
    command = [sys.executable, "-m", "garonne", *words]
    return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=120)


def problems(spark: SparkSession, context: Context) -> list[tuple[FeedHour, str]]:
    """What does not add up of the feeds, once all is indexed."""
    drain([observations_query(spark, context)])
    context.es.indices.refresh(index="city-*")
    return [(h, problem) for h, problem in counted(context.es, SPAN).problems() if isinstance(h, FeedHour)]
