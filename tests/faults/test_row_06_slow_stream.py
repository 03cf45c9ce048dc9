"""Row 6: every document is refused, but no batch brings enough of them to show that the mapping is wrong.

The query pauses once many batches have shown it, and nothing of what comes then is set aside.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pyspark.errors import StreamingQueryException
from pyspark.sql import SparkSession

from jobs.engine.context import Context
from jobs.engine.runner import drain
from jobs.engine.streams import Query, job_query
from jobs.job import all_jobs
from runtime.elastic.bulk import BREAKER_MINIMUM
from runtime.endpoints import Endpoints
from schemas import contract
from schemas.documents import index_name
from tests.faults import figures
from tests.servers import events as city
from tests.servers.drivers import begin_anew

pytestmark = [pytest.mark.servers, pytest.mark.spark, pytest.mark.faults]

TENANT = "row06slow"
JOB = all_jobs()["parking_by_site"]
RESULT = contract(JOB.result)
WINDOWS = 10  # in a batch
BATCHES_BEFORE = 5
REFUSED_BEFORE = BREAKER_MINIMUM - 1  # the last of them has one window less: one more would have stopped it


def batch(number: int, tenant: str = TENANT, zone: str = "centre") -> list[city.Event]:
    """An event for each of ten windows of one car park, after those of the batch before."""
    first = city.events(6, tenant)[JOB.reads][0]
    start = city.START + number * WINDOWS * timedelta(minutes=5)
    return [{**first, "observed_at": start + n * timedelta(minutes=5), "zone_id": zone} for n in range(WINDOWS)]


def in_doubt(spark: SparkSession, context: Context, tenant: str, first: int) -> Query:
    """The job's query after batches that all were refused, since a zone has to be a number."""
    context.prepare()
    begin_anew(context)
    query = job_query(spark, JOB, context)
    index = index_name(RESULT, tenant, city.START)
    context.es.indices.create(index=index, mappings={"properties": {"zone_id": {"type": "long"}}})
    for number in range(first, first + BATCHES_BEFORE):
        left = REFUSED_BEFORE - (number - first) * WINDOWS
        city.produce(context, JOB.reads, batch(number, tenant)[:left])
        drain([query])
    return query


def test_many_small_batches_of_refused_documents_pause_the_query(
    spark: SparkSession, own_topics: Endpoints, tmp_path: Path
) -> None:
    context = Context(own_topics, tmp_path)
    query = in_doubt(spark, context, TENANT, 0)
    city.produce(context, JOB.reads, batch(BATCHES_BEFORE))
    with pytest.raises(StreamingQueryException, match="documents refused"):
        drain([query])

    context.es.indices.delete(index=index_name(RESULT, TENANT, city.START))
    city.produce(context, JOB.reads, batch(BATCHES_BEFORE + 1))
    drain([query])

    later = [e for number in (BATCHES_BEFORE, BATCHES_BEFORE + 1) for e in batch(number)]
    windows = {f"{e['observed_at']:%FT%T}" for e in later}
    assert {d["window_start"][:19] for d in figures.indexed(context, JOB, TENANT).values()} == windows
    figures.work_off(spark, context)
    assert len(figures.letters(context, TENANT)) == REFUSED_BEFORE


def test_one_refused_document_among_good_ones_pauses_nothing_even_then(
    spark: SparkSession, own_topics: Endpoints, tmp_path: Path
) -> None:
    """Wherever it stands: of ten windows, some are alone in a part of their batch with it."""
    context, tenant, first = Context(own_topics, tmp_path), "row06doubt", 2 * BATCHES_BEFORE
    query = in_doubt(spark, context, tenant, first)
    good, bad = batch(first + BATCHES_BEFORE, tenant, zone="7"), batch(first + BATCHES_BEFORE, tenant)
    for n in range(0, WINDOWS, 2):
        city.produce(context, JOB.reads, [good[n], bad[n + 1]])
        drain([query])
    figures.work_off(spark, context)
    assert len(figures.indexed(context, JOB, tenant)) == WINDOWS // 2
    assert len(figures.letters(context, tenant)) == REFUSED_BEFORE + WINDOWS // 2
