"""Row 12: events in any order within the delay that a job allows. Every figure is that of the right order."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from jobs.job import all_jobs
from tests.faults import figures
from tests.jobs.mobility.frames import batch, live
from tests.servers import events as city

pytestmark = [pytest.mark.spark, pytest.mark.faults]

EVENTS = city.events(12, "row12")
FEW = 500  # events of a job are enough for its figures
ARRIVALS = 8
DELAY = timedelta(minutes=50)


@pytest.mark.parametrize("name", all_jobs())
@settings(max_examples=1, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(seeds=st.lists(st.integers(0, 2**32), min_size=6, max_size=6, unique=True))
def test_the_order_changes_no_figure(spark: SparkSession, name: str, seeds: list[int]) -> None:
    job = all_jobs()[name]
    events = EVENTS[job.reads][:FEW]
    shuffled = [random.Random(seed).sample(events, len(events)) for seed in seeds]
    first, *others = figures.of_each(spark, job, [events, *shuffled])
    assert first
    assert others == [first] * len(seeds)


@settings(max_examples=1, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_live_figures_are_those_of_the_right_order_while_windows_close(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """The watermark moves on with each arrival: an event may come as late as the job says, and no later."""
    job = replace(all_jobs()["traffic_by_segment"], lateness=DELAY)
    arriving = city.disordered(random.Random(seed), EVENTS[job.reads], DELAY, repeats=0.1)
    size = len(arriving) // ARRIVALS + 1
    parts = [arriving[n : n + size] for n in range(0, len(arriving), size)]
    folder: Path = tmp_path_factory.mktemp("row12")
    known = {(e["entity_id"], e["observed_at"]): e for e in sorted(arriving, key=lambda e: e["ingested_at"])}
    assert live(spark, job, parts, folder) == batch(spark, job, known.values())
