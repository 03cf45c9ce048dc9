"""Row 11: each message comes one to five times. Every figure and every observation is as if it had come once."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from jobs.engine.context import Context
from jobs.job import Job, all_jobs
from schemas import contract
from tests.faults import figures
from tests.faults.jobs import every_job
from tests.servers import events as city

pytestmark = pytest.mark.spark

MOST = 5
EVENTS = city.events(11, "row11")
FEW = 500  # events of a job are enough for its figures


def repeated(seed: int, events: list[city.Event]) -> list[city.Event]:
    """Each event one to five times, the repeats anywhere after it."""
    rng = random.Random(seed)
    placed: list[tuple[float, city.Event]] = []
    for n, event in enumerate(events):
        placed += [(n, event)] + [(rng.uniform(n, len(events)), event) for _ in range(rng.randrange(MOST))]
    return [event for _, event in sorted(placed, key=lambda pair: pair[0])]


@pytest.mark.parametrize("name", every_job())
@settings(max_examples=1, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(seeds=st.lists(st.integers(0, 2**32), min_size=4, max_size=4, unique=True))
def test_repeats_change_no_figure(spark: SparkSession, name: str, seeds: list[int]) -> None:
    job = all_jobs()[name]
    events = EVENTS[job.reads][:FEW]
    once, *often = figures.of_each(spark, job, [events, *(repeated(seed, events) for seed in seeds)])
    assert once
    assert often == [once] * len(seeds)


@pytest.mark.servers
def test_repeats_in_kafka_change_no_figure_and_no_observation(spark: SparkSession, context: Context) -> None:
    job: Job = all_jobs()["traffic_by_segment"]
    events = EVENTS[job.reads]
    sent = repeated(11, events)
    assert len(sent) > 2 * len(events)
    city.produce(context, job.reads, sent)
    figures.work_off(spark, context, [job])
    assert figures.indexed(context, job, "row11") == figures.expected(spark, job, events)
    assert figures.observed(context, job.reads, "row11") == figures.keys(events)
    assert len(figures.of(context, job.reads, "row11")) == len(events)
    context.es.indices.refresh(index=f"{contract(job.reads).latest_alias}-row11")
    latest = context.es.count(index=f"{contract(job.reads).latest_alias}-row11")["count"]
    assert latest == len({e["entity_id"] for e in events})
