"""The ledger over real Kafka and Elasticsearch: it adds up, and one record that is removed by hand shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from pyspark.sql import SparkSession

from jobs.engine.bookkeeping import Books
from jobs.engine.context import Context
from jobs.engine.ledger import FeedHour, JobHour, Ledger, Span
from jobs.engine.ledger_counts import counted
from jobs.engine.runner import drain
from jobs.engine.streams import job_query, observations_query
from jobs.job import all_jobs
from runtime.elastic.documents import found
from runtime.endpoints import Endpoints
from runtime.records import RecordProducer
from schemas import contract
from tests.servers import events as city

pytestmark = [pytest.mark.servers, pytest.mark.spark]

TENANT = "cugnaux"
JOBS = [name for name, job in all_jobs().items() if job.counted]
SPAN = Span(city.START - timedelta(hours=1), city.START + timedelta(hours=city.HOURS + 1))


@pytest.fixture(scope="module")
def context(servers: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Context:
    """The test servers with the events of a tenant, what its connectors said of them, and one record removed."""
    made = Context(servers, tmp_path_factory.mktemp("state"))
    made.prepare()
    for name, every in city.events(17, TENANT).items():
        city.produce(made, name, [*every, *every[:3]])
        RecordProducer(servers, contract("ledger")).send(said(name, every))
    return made


def said(name: str, every: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What a connector says of events that it accepted."""
    hours = Counter(e["observed_at"].replace(minute=0, second=0, microsecond=0) for e in every)
    for hour, count in hours.items():
        for outcome in ("received", "accepted"):
            yield {
                "tenant": TENANT,
                "counter": name,
                "counted_by": "source",
                "event": name,
                "hour": hour,
                "outcome": outcome,
                "reason": "",
                "records_count": count,
                "counted_at": datetime.now(UTC),
            }


def work_off(spark: SparkSession, context: Context) -> Ledger:
    drain([observations_query(spark, context), *(job_query(spark, all_jobs()[name], context) for name in JOBS)])
    context.es.indices.refresh(index="city-*")
    found = counted(context.es, SPAN)
    return Ledger([h for h in found.feeds if h.tenant == TENANT], [h for h in found.jobs if h.tenant == TENANT])


def test_all_adds_up_until_a_record_is_removed(context: Context, spark: SparkSession) -> None:
    before = work_off(spark, context)
    assert before.problems() == []
    assert sum(h.accepted for h in before.feeds) == sum(len(e) for e in city.events(17, TENANT).values())
    assert {h.job for h in before.jobs} == set(JOBS)
    assert all(h.in_results == h.expected > 0 for h in before.jobs)

    late_hour = city.events(18, TENANT)["traffic_flow_observed"][-20:]
    last = [{**e, "entity_id": f"other-{e['entity_id']}", "feed": "counters"} for e in late_hour]
    city.produce(context, "traffic_flow_observed", last)
    RecordProducer(context.endpoints, contract("ledger")).send(
        {**row, "counter": "counters", "event": "traffic_flow_observed"} for row in said("counters", last)
    )
    removed = remove_oldest_unread(context, last)
    after = work_off(spark, context)
    problems = after.problems()
    assert [(type(h), h.problem()) for h, _ in problems] == [(FeedHour, f"{removed} accepted and not in the index")], (
        problems
    )
    assert not any(isinstance(h, JobHour) for h, _ in problems)


def test_the_books_are_records_like_any_other(context: Context, spark: SparkSession) -> None:
    books = Books(context)
    assert books.balance() > 0
    assert books.balance() == 0  # nothing has changed
    drain([observations_query(spark, context)])
    context.es.indices.refresh(index="city-ledger")
    rows = found(context.es, "city-ledger", tenant=TENANT, outcome="indexed").values()
    indexed = Counter({f"{h.feed} {h.hour}": h.indexed for h in counted(context.es, SPAN).feeds if h.tenant == TENANT})
    kept = Counter({f"{r['counter']} {datetime.fromisoformat(r['hour'])}": r["records_count"] for r in rows})
    assert kept == indexed


def remove_oldest_unread(context: Context, sent: list[dict[str, Any]]) -> int:
    """Remove the oldest of the records that were sent last from its partition, as a hand would; how many are gone."""
    topic = contract("traffic_flow_observed").topic
    consumer = Consumer({"bootstrap.servers": context.endpoints.kafka_bootstrap, "group.id": "remover"})
    try:
        partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        ends = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=30)[1] for p in partitions}
    finally:
        consumer.close()
    admin = AdminClient({"bootstrap.servers": context.endpoints.kafka_bootstrap})
    partition, end = max(ends.items(), key=lambda entry: _own(context, topic, entry[0], entry[1], sent))
    own = _own(context, topic, partition, end, sent)
    assert own > 1
    for future in admin.delete_records([TopicPartition(topic, partition, end - own + 1)]).values():
        future.result(30)
    return 1


def _own(context: Context, topic: str, partition: int, end: int, sent: list[dict[str, Any]]) -> int:
    """How many of the records that were sent last are at the end of a partition."""
    keys = {f"{e['tenant']}/{e['entity_id']}".encode() for e in sent}
    consumer = Consumer({"bootstrap.servers": context.endpoints.kafka_bootstrap, "group.id": "counter"})
    try:
        consumer.assign([TopicPartition(topic, partition, max(0, end - len(sent)))])
        own = 0
        for _ in range(min(end, len(sent))):
            message = consumer.poll(30)
            assert message is not None
            assert message.error() is None
            own += message.key() in keys
        return own
    finally:
        consumer.close()
