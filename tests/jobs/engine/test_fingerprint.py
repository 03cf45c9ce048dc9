"""What a job is: comments and freshness do not matter, constants, aggregations and numpy cores do."""

from __future__ import annotations

import ast
from dataclasses import replace
from datetime import timedelta

import pytest
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from jobs.engine.fingerprint import bare, code_of, declaration, difference, fingerprint, normalised
from jobs.job import Job, all_jobs
from jobs.traffic_by_segment import JOB as TRAFFIC

CORE = '''
"""A module."""
import numpy as np

LIMIT = 3.5  # K

def spike(values):
    """Steps up and down again."""
    # as in the manual
    return np.abs(np.diff(values)) > LIMIT

JOB = Job(freshness=60)
'''


def code(text: str) -> str:
    return bare(ast.parse(text))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# as in the manual", "# otherwise"),
        ("Steps up and down again.", "Something else."),
        ('"""A module."""', '"""Another text."""'),
        ("LIMIT = 3.5  # K", "LIMIT = 3.5"),
        ("freshness=60", "freshness=70"),
        ("\n\ndef", "\n\n\n\ndef"),
    ],
)
def test_what_is_only_said_does_not_matter(old: str, new: str) -> None:
    assert old in CORE
    assert code(CORE.replace(old, new)) == code(CORE)


@pytest.mark.parametrize(("old", "new"), [("3.5", "3.6"), ("> LIMIT", ">= LIMIT"), ("np.abs(", "(")])
def test_what_is_computed_does(old: str, new: str) -> None:
    assert code(CORE.replace(old, new)) != code(CORE)


def test_a_heat_job_stands_on_the_modules_of_its_core_and_not_on_the_engine() -> None:
    modules = code_of("jobs.heat_island_map")
    assert {"jobs.heat_island_map", "jobs.indicators.heat", "jobs.indicators.quality_robust"} <= set(modules)
    assert "jobs.indicators.interpolation_variogram" in modules
    assert not any(m.startswith(("jobs.engine", "jobs.job")) for m in modules)


def test_names_that_spark_makes_up_do_not_matter_and_their_difference_does() -> None:
    plan = "Project [a#{0}, lambda x_{0}#{1}, f@1a2b3c4d]\n+- LogicalRDD [a#{0}], false"
    assert normalised(plan.format(7, 8)) == normalised(plan.format(91, 92))
    assert normalised("Project [a#1 = a#2]\n+- x") != normalised("Project [a#1 = a#1]\n+- x")


@pytest.mark.spark
def test_each_job_is_itself(spark: SparkSession) -> None:
    jobs = all_jobs().values()
    first, again = ([fingerprint(spark, j) for j in jobs] for _ in range(2))
    assert first == again
    assert len({f["plan"] for f in first}) == len(first)
    assert {j.name for j, f in zip(jobs, first, strict=True) if f["code"]} == {
        "heat_island_hourly",
        "heat_island_map",
        "heat_island_nightly",
    }


@pytest.mark.spark
def test_a_changed_constant_or_aggregation_is_seen(spark: SparkSession) -> None:
    def with_filter(limit: float) -> Job:
        def transform(observed: DataFrame) -> DataFrame:
            return TRAFFIC.transform(observed.where(F.col("intensity_vehicles") < limit))

        return replace(TRAFFIC, transform=transform)

    one, same, other = (fingerprint(spark, with_filter(limit)) for limit in (100.0, 100.0, 101.0))
    assert difference(one, same) is None
    assert difference(one, other) == "what it computes (Spark's plan) has changed"


def test_lateness_is_declared_and_freshness_is_not() -> None:
    changed = replace(TRAFFIC, freshness=timedelta(seconds=1))
    assert declaration(changed) == declaration(TRAFFIC)
    later = declaration(replace(TRAFFIC, lateness=timedelta(hours=1)))
    assert [k for k, v in later.items() if v != declaration(TRAFFIC)[k]] == ["lateness"]


@pytest.mark.spark
def test_a_field_that_the_contract_gets_later_does_not_matter_unless_the_job_reads_it(spark: SparkSession) -> None:
    now = fingerprint(spark, TRAFFIC)
    assert "feed" in now["columns"]
    before = [c for c in now["columns"] if c != "feed"]  # a field that the job does not read
    began = fingerprint(spark, TRAFFIC, before)
    assert difference(began, fingerprint(spark, TRAFFIC, began["columns"])) is None
    with pytest.raises(AnalysisException):
        fingerprint(spark, TRAFFIC, [c for c in now["columns"] if c != "intensity_vehicles"])
