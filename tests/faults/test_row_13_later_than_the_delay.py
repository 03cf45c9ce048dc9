"""Row 13: observations that come when their window is closed: kept, counted, and their windows made as if on time."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import SparkSession

from jobs.engine.context import Context
from jobs.engine.late import keep_late
from jobs.engine.repair import LONGEST, open_late, repair
from jobs.engine.replay import figures
from jobs.engine.runner import drain
from jobs.engine.sink import documents
from jobs.engine.streams import job_query, observations_query
from jobs.job import Job, all_jobs
from runtime.elastic.documents import found
from runtime.endpoints import Endpoints
from schemas import contract
from tests.servers import events as city
from tests.servers.drivers import begin_anew
from tests.servers.stacks import delete_topics

pytestmark = [pytest.mark.servers, pytest.mark.spark]

TENANT = "muret"
NOW = city.START + timedelta(days=20)
JOBS = ("parking_by_site", "traffic_by_segment")
MORE_JOBS = ("parking_by_zone", "heat_island_hourly", "heat_island_nightly")
LATE_SHARE = 0.1
Event = dict[str, Any]


@pytest.fixture(
    scope="module",
    params=[pytest.param(JOBS, id="jobs"), pytest.param(MORE_JOBS, id="more_jobs", marks=pytest.mark.faults)],
)
def jobs(request: pytest.FixtureRequest) -> list[Job]:
    """Jobs whose rows come late at the same time."""
    return [all_jobs()[name] for name in request.param]


@pytest.fixture(scope="module")
def context(own_topics: Endpoints, jobs: list[Job], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """The test servers, with folders and topics for these jobs alone."""
    made = Context(own_topics, tmp_path_factory.mktemp("state"))
    made.prepare()
    begin_anew(made)
    yield made
    delete_topics(own_topics.kafka_bootstrap, {contract(job.reads).topic for job in jobs})


@pytest.fixture(scope="module")
def held_back(context: Context, spark: SparkSession, jobs: list[Job]) -> dict[str, list[Event]]:
    """Events that came when every window of theirs was closed, some of them twice; all was worked off."""
    rng = random.Random(13)
    every = {name: city.events(13, TENANT)[name] for name in sorted({job.reads for job in jobs})}
    kept = {name: [e for e in events if rng.random() < LATE_SHARE] for name, events in every.items()}
    for name, events in every.items():
        city.produce(context, name, [e for e in events if e not in kept[name]])
    for days in (3, 4):  # a watermark holds from the second batch after the event that moved it
        work_off(spark, context, jobs)
        for name, events in every.items():
            city.produce(context, name, [moved(events[-1], timedelta(days=days))])
    work_off(spark, context, jobs)
    for name, late in kept.items():
        city.produce(context, name, [*late, *late[:5]])
    work_off(spark, context, jobs)
    drain([observations_query(spark, context)])
    return kept


def work_off(spark: SparkSession, context: Context, jobs: list[Job]) -> None:
    drain([job_query(spark, job, context) for job in jobs])


def moved(event: Event, by: timedelta) -> Event:
    return {**event, "observed_at": event["observed_at"] + by, "ingested_at": event["ingested_at"] + by}


def stored(context: Context, job: Job) -> dict[str, Any]:
    """The job's documents of the tenant."""
    alias = contract(job.result).alias
    context.es.indices.refresh(index=alias)
    return found(context.es, alias, tenant=TENANT, **job.part)


def oracle(spark: SparkSession, context: Context, job: Job) -> dict[str, Any]:
    """What the job's function makes of all there is, as a batch."""
    rows = documents(figures(spark, job, context), contract(job.result)).collect()
    return {r.id: json.loads(r.source) for r in rows if r.id.startswith(f"{TENANT}|")}


def test_late_observations_are_kept_counted_and_repaired(
    jobs: list[Job], context: Context, spark: SparkSession, held_back: dict[str, list[Event]]
) -> None:
    for job in jobs:
        kept_counted_and_repaired(job, context, spark, held_back[job.reads])


def kept_counted_and_repaired(job: Job, context: Context, spark: SparkSession, held_back: list[Event]) -> None:
    expected = oracle(spark, context, job)
    assert stored(context, job) != expected

    keep_late(spark, job, context)
    assert keep_late(spark, job, context) == 0  # a batch that was looked at is not looked at again
    drain([observations_query(spark, context)])
    context.es.indices.refresh(index="city-late")
    everyones = open_late(context, job, NOW - LONGEST)  # other modules leave theirs
    waiting = [late for late in everyones if late["tenant"] == TENANT]
    own = {(x["entity_id"], datetime.fromisoformat(x["observed_at"])) for x in waiting if x["is_in_window"]}
    assert own == {(e["entity_id"], e["observed_at"]) for e in held_back}
    assert {datetime.fromisoformat(late["window_start"]) for late in waiting} >= windows_of(own, job)

    outcome = repair(spark, job, context, now=NOW)
    assert (outcome.observations, outcome.refused) == (len(everyones), 0)
    assert stored(context, job) == expected

    drain([observations_query(spark, context)])
    context.es.indices.refresh(index="city-late")
    assert open_late(context, job, NOW - LONGEST) == []
    assert len(found(context.es, "city-late", tenant=TENANT, job=job.name)) == len(waiting)


@pytest.mark.usefixtures("held_back")
def test_the_same_batch_looked_at_again_gives_the_same_records(
    context: Context, spark: SparkSession, jobs: list[Job]
) -> None:
    job = jobs[0]
    before = found(context.es, "city-late", tenant=TENANT, job=job.name)
    (context.checkpoints / job.name / "late.json").unlink()
    assert keep_late(spark, job, context) > 0
    drain([observations_query(spark, context)])
    context.es.indices.refresh(index="city-late")
    assert found(context.es, "city-late", tenant=TENANT, job=job.name) == before


def windows_of(own: set[tuple[str, datetime]], job: Job) -> set[datetime]:
    def start(at: datetime) -> datetime:
        return at - (at - datetime.min.replace(tzinfo=at.tzinfo) - job.offset) % job.window

    return {start(observed_at) for _, observed_at in own}
