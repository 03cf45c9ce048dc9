"""The ledger over real Kafka and Elasticsearch: it adds up, and its rows are records like any other."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from pyspark.sql import SparkSession

from jobs.engine import ledger
from jobs.engine.bookkeeping import Books
from jobs.engine.context import Context
from jobs.engine.ledger import Ledger, Span
from jobs.engine.ledger_counts import counted, of_the_last_day
from jobs.engine.runner import drain
from jobs.engine.streams import job_query, observations_query
from jobs.job import all_jobs
from runtime import metrics
from runtime.elastic.documents import found
from runtime.endpoints import Endpoints
from runtime.records import RecordProducer
from schemas import contract
from tests.servers import events as city
from tests.servers.drivers import begin_anew

pytestmark = [pytest.mark.servers, pytest.mark.spark]

TENANT = "cugnaux"
JOBS = [name for name, job in all_jobs().items() if job.counted]
TODAY = datetime.now(UTC)  # when they come
SPAN = Span(city.START - timedelta(hours=1), city.START + timedelta(hours=city.HOURS + 1))


@pytest.fixture(scope="module")
def context(own_topics: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Context:
    """The test servers with the events of a tenant, what its connectors said of them."""
    made = Context(own_topics, tmp_path_factory.mktemp("state"))
    made.prepare()
    begin_anew(made)
    for name, of_july in city.events(17, TENANT).items():
        every = [{**e, "ingested_at": TODAY} for e in of_july]
        city.produce(made, name, [*every, *every[:3]])
        RecordProducer(own_topics, contract("ledger")).send(city.said(name, every))
    return made


def work_off(spark: SparkSession, context: Context) -> Ledger:
    drain([observations_query(spark, context), *(job_query(spark, all_jobs()[name], context) for name in JOBS)])
    context.es.indices.refresh(index="city-*")
    found = counted(context.es, SPAN)
    return Ledger([h for h in found.feeds if h.tenant == TENANT], [h for h in found.jobs if h.tenant == TENANT])


def test_all_adds_up(context: Context, spark: SparkSession) -> None:
    before = work_off(spark, context)
    assert before.problems() == []
    assert sum(h.accepted for h in before.feeds) == sum(len(e) for e in city.events(17, TENANT).values())
    assert {h.job for h in before.jobs} == set(JOBS)
    assert all(h.in_results == h.expected > 0 for h in before.jobs)


def test_the_books_are_records_like_any_other(context: Context, spark: SparkSession) -> None:
    books = Books(context, SPAN.start)
    assert books.balance() > 0
    assert books.balance() == 0  # nothing has changed
    drain([observations_query(spark, context)])
    context.es.indices.refresh(index="city-ledger")
    rows = found(context.es, "city-ledger", tenant=TENANT, outcome="indexed").values()
    indexed = Counter({f"{h.feed} {h.hour}": h.indexed for h in counted(context.es, SPAN).feeds if h.tenant == TENANT})
    kept = Counter({f"{r['counter']} {datetime.fromisoformat(r['hour'])}": r["records_count"] for r in rows})
    assert kept == indexed


def test_what_is_late_is_in_the_last_days_ledger(context: Context, spark: SparkSession) -> None:
    """It was observed months ago, and came today."""
    work_off(spark, context)
    found = counted(context.es, of_the_last_day(context.es, datetime.now(UTC)))
    assert {h.hour for h in found.feeds if h.tenant == TENANT} == {
        h.hour for h in counted(context.es, SPAN).feeds if h.tenant == TENANT
    }
    next_week = datetime.now(UTC) + timedelta(days=7)
    assert not [h for h in counted(context.es, of_the_last_day(context.es, next_week)).feeds if h.tenant == TENANT]


def test_the_metric_tells_of_the_whole_day_whenever_it_is_counted(context: Context, spark: SparkSession) -> None:
    """A loss does not go from the metric because nothing has come since."""
    work_off(spark, context)
    gone = contract("parking_observed")
    query = {"bool": {"filter": [{"term": {"tenant": TENANT}}, {"term": {"entity_id": "site-0"}}]}}
    context.es.delete_by_query(index=f"{gone.alias}-{TENANT}-*", query=query, refresh=True)
    books = Books(context, datetime.now(UTC) + timedelta(minutes=1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "FEED_SETTLES", timedelta(0))
        assert books.balance() == 0
    assert metrics.LEDGER_PROBLEMS._value.get() > 0
