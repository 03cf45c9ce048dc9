"""The checkpoint is well, and Kafka no longer has what would be read next."""

from __future__ import annotations

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from pyspark.sql import SparkSession

from jobs.engine.context import Context
from jobs.engine.rebuild import begin_anew as observe_anew
from jobs.engine.rebuild import rebuild
from jobs.engine.refusal import Reason, RefusedError
from jobs.job import all_jobs
from runtime.kafka import held
from schemas import contract
from tests.faults.figures import expected, indexed, work_off
from tests.servers import events as city
from tests.servers.stacks import Stack

pytestmark = [pytest.mark.servers, pytest.mark.spark, pytest.mark.faults]

TENANT = "revel"
JOB = all_jobs()["traffic_by_segment"]
TOPIC = contract(JOB.reads).topic
EVENTS = city.events(18, TENANT)[JOB.reads]
HALF = len(EVENTS) // 2


def drop_all_but(context: Context, count: int) -> int:
    """Let Kafka forget all but the last records of each partition; how many unread ones that were."""
    topic = held(context.endpoints.kafka_bootstrap, [TOPIC])[TOPIC]
    admin = AdminClient({"bootstrap.servers": context.endpoints.kafka_bootstrap})
    firsts = {p: max(end - count, 0) for p, end in topic.end.items()}
    for future in admin.delete_records([TopicPartition(TOPIC, p, first) for p, first in firsts.items()]).values():
        future.result(30)
    return sum(firsts.values())


def test_records_lost_are_counted_and_figures_never_get_poorer(
    own_servers: Stack, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> None:
    context = Context(own_servers.up(), tmp_path_factory.mktemp("dropped"), max_offsets_per_trigger=600)
    context.prepare()
    city.produce(context, JOB.reads, EVENTS[:HALF])
    work_off(spark, context, [JOB])
    before = indexed(context, JOB, TENANT)
    assert before == expected(spark, JOB, EVENTS[:HALF])
    city.produce(context, JOB.reads, EVENTS[HALF:])
    lost = drop_all_but(context, 100) - HALF
    assert lost > 0
    said = f": {lost} records that it had not read are no longer in Kafka"
    with pytest.raises(RefusedError, match=f"observations{said}"):
        work_off(spark, context, [JOB])
    observe_anew(context, "observations")
    with pytest.raises(RefusedError, match=f"{JOB.name}{said}") as caught:
        work_off(spark, context, [JOB])
    assert caught.value.reason is Reason.PLACE
    done = rebuild(spark, JOB, context, lambda _: None)
    assert done.removed == 0
    work_off(spark, context, [JOB])
    after = indexed(context, JOB, TENANT)
    assert {i: after[i] for i in before} == before
    assert len(after) > len(before)
