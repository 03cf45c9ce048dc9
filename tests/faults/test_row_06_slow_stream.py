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
from jobs.engine.streams import job_query
from jobs.job import all_jobs
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
BATCHES_BEFORE = 5  # 50 documents: as many as stop a sink when they come at once


def batch(number: int) -> list[city.Event]:
    """An event for each of ten windows of one car park, after those of the batch before."""
    first = city.events(6, TENANT)[JOB.reads][0]
    start = city.START + number * WINDOWS * timedelta(minutes=5)
    return [{**first, "observed_at": start + n * timedelta(minutes=5), "zone_id": "centre"} for n in range(WINDOWS)]


def test_many_small_batches_of_refused_documents_pause_the_query(
    spark: SparkSession, own_topics: Endpoints, tmp_path: Path
) -> None:
    context = Context(own_topics, tmp_path)
    context.prepare()
    begin_anew(context)
    query = job_query(spark, JOB, context)
    index = index_name(RESULT, TENANT, city.START)
    context.es.indices.create(index=index, mappings={"properties": {"zone_id": {"type": "long"}}})
    for number in range(BATCHES_BEFORE):
        city.produce(context, JOB.reads, batch(number))
        drain([query])
    city.produce(context, JOB.reads, batch(BATCHES_BEFORE))
    with pytest.raises(StreamingQueryException, match="documents refused"):
        drain([query])

    context.es.indices.delete(index=index)
    city.produce(context, JOB.reads, batch(BATCHES_BEFORE + 1))
    drain([query])

    later = [e for number in (BATCHES_BEFORE, BATCHES_BEFORE + 1) for e in batch(number)]
    windows = {f"{e['observed_at']:%FT%T}" for e in later}
    assert {d["window_start"][:19] for d in figures.indexed(context, JOB, TENANT).values()} == windows
    figures.work_off(spark, context)
    assert len(figures.letters(context, TENANT)) == BATCHES_BEFORE * WINDOWS
