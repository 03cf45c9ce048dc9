"""What counts and speeds of a road segment come to."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from jobs.traffic_by_segment import JOB, level_of_service
from tests.jobs.mobility.frames import Document, Event, at, batch, by_window, event

pytestmark = pytest.mark.spark

Docs = dict[tuple[str, str], Document]


def counted(segment: str, time: str, vehicles: int | None, speed: float | None = None, **values: Any) -> Event:
    return event(
        segment, time, intensity_vehicles=vehicles, average_speed_km_per_h=speed, **{"period_seconds": 60.0, **values}
    )


EVENTS = [
    counted("road", "10:00", 10, 50.0, free_flow_speed_km_per_h=50.0, location={"lat": 43.6, "lon": 1.4}),
    counted("road", "10:01", 30, 30.0, flags=["suspect"]),
    counted("road", "10:04", 0),
    counted("road", "10:05", 7, 100.0, free_flow_speed_km_per_h=50.0),
    counted("empty", "10:00", 0, free_flow_speed_km_per_h=50.0),
    counted("blind", "10:00", None, 44.0, free_flow_speed_km_per_h=50.0),
    counted("jam", "10:00", 3, 0.0, free_flow_speed_km_per_h=50.0),
    counted("unsure", "10:00", 3, None),
    counted("unsure", "10:01", 5, 20.0),
    counted("long", "10:00", 600, 40.0, period_seconds=900.0),
]


@pytest.fixture(scope="module")
def docs(spark: SparkSession) -> Docs:
    return by_window(batch(spark, JOB, EVENTS))


def test_flow_is_by_the_time_observed_and_speed_by_the_vehicles(docs: Docs) -> None:
    assert docs["road", "10:00"] == {
        "tenant": "toulouse",
        "entity_id": "road",
        "window_start": at("10:00"),
        "window_end": at("10:05"),
        "location": {"lat": 43.6, "lon": 1.4},
        "vehicles_count": 40,
        "vehicles_per_hour": 800.0,
        "mean_speed_km_per_h": 35.0,
        "free_flow_speed_km_per_h": 50.0,
        "travel_time_index": 50 / 35,
        "level_of_service": "B",
        "observed_seconds": 180.0,
        "observations_count": 3,
        "coverage_ratio": 0.6,
        "flags": ["suspect"],
        "last_ingested_at": at("10:04:03"),
    }


def test_a_period_belongs_to_the_window_it_starts_in(docs: Docs) -> None:
    doc = docs["road", "10:05"]
    assert (doc["vehicles_count"], doc["vehicles_per_hour"]) == (7, 420.0)


def test_faster_than_free_flow_is_a_value(docs: Docs) -> None:
    assert (docs["road", "10:05"]["travel_time_index"], docs["road", "10:05"]["level_of_service"]) == (0.5, "A")


def test_no_vehicles_have_no_speed(docs: Docs) -> None:
    doc = docs["empty", "10:00"]
    assert (doc["vehicles_count"], doc["vehicles_per_hour"], doc["observed_seconds"]) == (0, 0.0, 60.0)
    assert (doc["mean_speed_km_per_h"], doc["travel_time_index"], doc["level_of_service"]) == (None, None, None)


def test_an_unknown_count_is_not_zero(docs: Docs) -> None:
    doc = docs["blind", "10:00"]
    assert (doc["vehicles_count"], doc["vehicles_per_hour"], doc["mean_speed_km_per_h"]) == (None, None, None)
    assert (doc["observed_seconds"], doc["coverage_ratio"], doc["observations_count"]) == (0.0, 0.0, 1)


def test_standing_traffic_is_level_f_without_an_index(docs: Docs) -> None:
    doc = docs["jam", "10:00"]
    assert (doc["mean_speed_km_per_h"], doc["level_of_service"], doc["travel_time_index"]) == (0.0, "F", None)


def test_vehicles_of_unknown_speed_do_not_weigh(docs: Docs) -> None:
    doc = docs["unsure", "10:00"]
    assert (doc["vehicles_count"], doc["mean_speed_km_per_h"], doc["level_of_service"]) == (8, 20.0, None)


def test_periods_longer_than_the_window_are_flagged(docs: Docs) -> None:
    doc = docs["long", "10:00"]
    assert (doc["vehicles_per_hour"], doc["observed_seconds"], doc["coverage_ratio"]) == (2400.0, 900.0, 1.0)
    assert doc["flags"] == ["overlapping_periods"]


def test_levels_of_service_are_those_of_the_highway_capacity_manual(spark: SparkSession) -> None:
    ratios = [1.2, 0.851, 0.85, 0.671, 0.67, 0.501, 0.5, 0.401, 0.4, 0.301, 0.3, 0.0, None]
    rows = spark.createDataFrame([(r,) for r in ratios], "ratio double").select(level_of_service(F.col("ratio")))
    assert [r[0] for r in rows.collect()] == [*"AABBCCDDEEFF", None]
