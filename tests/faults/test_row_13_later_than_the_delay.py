"""Row 13: observations that come when their window is closed: kept, counted, and their windows made as if on time."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import SparkSession

from jobs.engine.context import Context
from jobs.engine.late import keep_late
from jobs.engine.repair import open_late, repair
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

pytestmark = [pytest.mark.servers, pytest.mark.spark]

TENANT = "muret"
JOBS = ("parking_by_site", "parking_by_zone", "traffic_by_segment", "heat_island_hourly", "heat_island_nightly")
LATE_SHARE = 0.1
Event = dict[str, Any]


@pytest.fixture(scope="module")
def context(own_topics: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Context:
    """The test servers, with folders of this module's own."""
    made = Context(own_topics, tmp_path_factory.mktemp("state"))
    made.prepare()
    begin_anew(made)
    return made


@pytest.fixture(scope="module")
def held_back(context: Context, spark: SparkSession) -> dict[str, list[Event]]:
    """Events that came when every window of theirs was closed, some of them twice; all was worked off."""
    rng = random.Random(13)
    every = {name: city.events(13, TENANT)[name] for name in sorted({all_jobs()[job].reads for job in JOBS})}
    kept = {name: [e for e in events if rng.random() < LATE_SHARE] for name, events in every.items()}
    for name, events in every.items():
        city.produce(context, name, [e for e in events if e not in kept[name]])
    for days in (3, 4):  # a watermark holds from the second batch after the event that moved it
        work_off(spark, context)
        for name, events in every.items():
            city.produce(context, name, [moved(events[-1], timedelta(days=days))])
    work_off(spark, context)
    for name, late in kept.items():
        city.produce(context, name, [*late, *late[:5]])
    work_off(spark, context)
    drain([observations_query(spark, context)])
    return kept


def work_off(spark: SparkSession, context: Context) -> None:
    drain([job_query(spark, all_jobs()[name], context) for name in JOBS])


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


@pytest.mark.parametrize("name", JOBS)
def test_late_observations_are_kept_counted_and_repaired(
    name: str, context: Context, spark: SparkSession, held_back: dict[str, list[Event]]
) -> None:
    job = all_jobs()[name]
    expected = oracle(spark, context, job)
    assert stored(context, job) != expected

    keep_late(spark, job, context)
    assert keep_late(spark, job, context) == 0  # a batch that was looked at is not looked at again
    drain([observations_query(spark, context)])
    context.es.indices.refresh(index="city-late")
    waiting = [late for late in open_late(context, job, city.START - timedelta(days=1)) if late["tenant"] == TENANT]
    own = {(x["entity_id"], datetime.fromisoformat(x["observed_at"])) for x in waiting if x["is_in_window"]}
    assert own == {(e["entity_id"], e["observed_at"]) for e in held_back[job.reads]}
    assert {datetime.fromisoformat(late["window_start"]) for late in waiting} >= windows_of(own, job)

    outcome = repair(spark, job, context, now=city.START + timedelta(days=20))
    assert (outcome.observations, outcome.refused) == (len(waiting), 0)
    assert stored(context, job) == expected

    drain([observations_query(spark, context)])
    context.es.indices.refresh(index="city-late")
    assert open_late(context, job, city.START - timedelta(days=1)) == []
    assert len(found(context.es, "city-late", tenant=TENANT, job=name)) == len(waiting)


@pytest.mark.usefixtures("held_back")
def test_the_same_batch_looked_at_again_gives_the_same_records(context: Context, spark: SparkSession) -> None:
    job = all_jobs()["traffic_by_segment"]
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
