"""Every mobility job: the contract's columns, and the same documents whatever arrives in what order and how often."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from jobs import (
    bike_availability,
    parking_by_site,
    parking_by_zone,
    parking_spots_by_site,
    parking_spots_by_zone,
    traffic_by_segment,
    transit_headway,
)
from jobs.engine.rows import struct_of
from jobs.job import Job
from schemas import contract
from tests.frames import frame
from tests.jobs.mobility import town
from tests.jobs.mobility.frames import Documents, batch, documents, live

pytestmark = pytest.mark.spark

MODULES = (
    bike_availability,
    parking_by_site,
    parking_by_zone,
    parking_spots_by_site,
    parking_spots_by_zone,
    traffic_by_segment,
    transit_headway,
)
JOBS = {m.JOB.name: m.JOB for m in MODULES}


@pytest.fixture(scope="module", params=JOBS)
def job(request: pytest.FixtureRequest) -> Job:
    return JOBS[request.param]


@pytest.fixture(scope="module")
def expected(spark: SparkSession, job: Job) -> Documents:
    """The batch over the events as they are in the end, each once and in order."""
    return batch(spark, job, town.with_known_ingestion(town.mixed(town.of(job.reads))))


def test_each_module_is_named_after_its_job() -> None:
    assert [m.__name__ for m in MODULES] == [f"jobs.{name}" for name in JOBS]


def test_columns_are_the_contracts(spark: SparkSession, job: Job) -> None:
    columns = frame(spark, contract(job.reads), []).transform(job.transform).schema
    assert {f.name: f.dataType for f in columns} == {f.name: f.dataType for f in struct_of(contract(job.result))}


def test_figures_lie_within_the_contracts_limits(job: Job, expected: Documents) -> None:
    fields = {f.name: f for f in contract(job.result).fields}
    assert len(expected) > 5
    for doc in expected.values():
        assert doc["flags"] == sorted(set(doc["flags"]))
        assert doc["window_end"] - doc["window_start"] == job.window
        for name, value in doc.items():
            _check(fields[name], value)


def _check(field: Any, value: Any) -> None:
    assert value is not None or field.is_optional, field.name
    if isinstance(value, float | int):
        assert math.isfinite(value), field.name
        assert field.minimum is None or value >= field.minimum, field.name
        assert field.maximum is None or value <= field.maximum, field.name
    if field.values and value is not None:
        assert value in field.values


def test_order_and_repeats_change_nothing(spark: SparkSession, job: Job, expected: Documents) -> None:
    assert batch(spark, job, town.mixed(town.of(job.reads))) == expected


def test_live_documents_equal_the_batch(spark: SparkSession, job: Job, expected: Documents, tmp_path: Path) -> None:
    messages = town.mixed(town.of(job.reads))
    assert live(spark, job, [messages[: len(messages) // 2], messages[len(messages) // 2 :]], tmp_path) == expected


def test_a_correction_wins_over_what_it_corrects(spark: SparkSession) -> None:
    job = JOBS["traffic_by_segment"]
    first = town.of(job.reads)[0] | {"intensity_vehicles": 5}
    corrected = first | {"intensity_vehicles": 7, "ingested_at": first["ingested_at"] + town.MINUTE}
    for arrivals in ([first, corrected], [corrected, first, first]):
        (doc,) = documents(frame(spark, contract(job.reads), arrivals).transform(job.transform), job).values()
        assert (doc["vehicles_count"], doc["observations_count"]) == (7, 1)
        assert doc["last_ingested_at"] == corrected["ingested_at"]
