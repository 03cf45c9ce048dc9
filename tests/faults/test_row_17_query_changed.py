"""Row 17: a changed job meets an old checkpoint. It is refused with what changed, and one command rebuilds it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from jobs.engine.context import Context
from jobs.engine.rebuild import rebuild
from jobs.engine.refusal import Reason, RefusedError
from jobs.job import Job, all_jobs
from runtime.endpoints import Endpoints
from tests.faults.figures import expected, indexed, work_off
from tests.servers import events as city
from tests.servers.drivers import begin_anew

pytestmark = [pytest.mark.servers, pytest.mark.spark, pytest.mark.faults]

TENANT = "lanta"
JOB = all_jobs()["bike_availability"]
EVENTS = city.events(17, TENANT)[JOB.reads]


def without_station_0(observed: DataFrame) -> DataFrame:
    return JOB.transform(observed.where(F.col("entity_id") != "bikes-0"))


CHANGED = replace(JOB, transform=without_station_0)


@pytest.fixture(scope="module")
def ran(servers: Endpoints, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Context:
    """A job that has run."""
    made = Context(servers, tmp_path_factory.mktemp("row17"), max_offsets_per_trigger=2500)
    made.prepare()
    begin_anew(made)
    city.produce(made, JOB.reads, EVENTS)
    work_off(spark, made, [JOB])
    assert indexed(made, JOB, TENANT) == expected(spark, JOB, EVENTS)
    return made


def refused(spark: SparkSession, context: Context, job: Job) -> str:
    with pytest.raises(RefusedError) as caught:
        work_off(spark, context, [job])
    assert caught.value.reason is Reason.CHANGED
    assert caught.value.command == f"garonne rebuild {JOB.name}"
    return str(caught.value)


def test_a_changed_plan_is_refused(ran: Context, spark: SparkSession) -> None:
    assert "what it computes (Spark's plan) has changed" in refused(spark, ran, CHANGED)


def test_a_changed_declaration_is_refused_and_says_from_what_to_what(ran: Context, spark: SparkSession) -> None:
    said = refused(spark, ran, replace(JOB, lateness=JOB.lateness + timedelta(hours=1)))
    assert "lateness was 6:00:00 and is 7:00:00" in said


def test_another_freshness_is_no_other_job(ran: Context, spark: SparkSession) -> None:
    work_off(spark, ran, [replace(JOB, freshness=timedelta(seconds=5))])


def test_who_knows_that_a_change_is_harmless_keeps_the_checkpoint(ran: Context, spark: SparkSession) -> None:
    harmless = replace(JOB, lateness=JOB.lateness + timedelta(hours=1))
    refused(spark, ran, harmless)
    ran.checkpoint(JOB.name).keep()
    work_off(spark, ran, [harmless])
    refused(spark, ran, JOB)
    ran.checkpoint(JOB.name).keep()
    work_off(spark, ran, [JOB])


def test_a_rebuild_leaves_only_what_the_changed_job_makes(ran: Context, spark: SparkSession) -> None:
    refused(spark, ran, CHANGED)
    done = rebuild(spark, CHANGED, ran, lambda _: None)
    assert done.removed > 0
    made = indexed(ran, JOB, TENANT)
    assert made == expected(spark, CHANGED, EVENTS)
    assert not [d for d in made.values() if d["entity_id"] == "bikes-0"]
    work_off(spark, ran, [CHANGED])
    assert indexed(ran, JOB, TENANT) == made
    refused(spark, ran, JOB)
