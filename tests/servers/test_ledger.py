"""The ledger over real Kafka and Elasticsearch: it adds up, and its rows are records like any other."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest
from pyspark.sql import SparkSession

from jobs.engine.bookkeeping import Books
from jobs.engine.context import Context
from jobs.engine.ledger import Ledger, Span
from jobs.engine.ledger_counts import counted
from jobs.engine.runner import drain
from jobs.engine.streams import job_query, observations_query
from jobs.job import all_jobs
from runtime.elastic.documents import found
from runtime.endpoints import Endpoints
from runtime.records import RecordProducer
from schemas import contract
from tests.servers import events as city
from tests.servers.drivers import begin_anew

pytestmark = [pytest.mark.servers, pytest.mark.spark]

TENANT = "cugnaux"
JOBS = [name for name, job in all_jobs().items() if job.counted]
SPAN = Span(city.START - timedelta(hours=1), city.START + timedelta(hours=city.HOURS + 1))


@pytest.fixture(scope="module")
def context(own_topics: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Context:
    """The test servers with the events of a tenant, what its connectors said of them."""
    made = Context(own_topics, tmp_path_factory.mktemp("state"))
    made.prepare()
    begin_anew(made)
    for name, every in city.events(17, TENANT).items():
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
