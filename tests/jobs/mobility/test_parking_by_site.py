"""What the counts of a car park come to."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import SparkSession

from jobs.parking_by_site import JOB
from tests.jobs.mobility.frames import Document, Event, at, batch, by_window, event

pytestmark = pytest.mark.spark


def said(site: str, time: str, **values: Any) -> Event:
    return event(site, time, **{"area_type": "site", "total_spaces": 100, "counting_interval_seconds": 60.0, **values})


EVENTS = [
    said("counted", "10:00", occupied_spaces=40, arrivals_count=3, departures_count=0, name="Capitole", zone_id="z"),
    said("counted", "10:02:59.999999", occupied_spaces=42, arrivals_count=2, departures_count=1),
    said("counted", "10:05", occupied_spaces=50, arrivals_count=8, departures_count=0, flags=["frozen"]),
    said("differences", "10:04", occupied_spaces=10),
    said("differences", "10:05", occupied_spaces=14),
    said("differences", "10:07", occupied_spaces=11),
    said("differences", "10:09", occupied_spaces=12),
    said("alone", "10:01", free_spaces=30),
    said("over", "10:01", occupied_spaces=112),
    said("empty", "10:01", occupied_spaces=0, arrivals_count=0, departures_count=0),
    said("absurd", "10:01", total_spaces=140, free_spaces=8259),
    said("contradictory", "10:01", occupied_spaces=50, free_spaces=10, opening_status="closed"),
    said("unsized", "10:01", total_spaces=None, occupied_spaces=50, arrivals_count=1, departures_count=0),
    said("no spaces", "10:01", total_spaces=0, occupied_spaces=0),
    said("silent", "10:01"),
    said(
        "quarter", "10:01", occupied_spaces=50, arrivals_count=70, departures_count=0, counting_interval_seconds=900.0
    ),
    said("patchy", "10:01", occupied_spaces=50, arrivals_count=4, departures_count=4),
    said("patchy", "10:02", occupied_spaces=53),
    said("gone", "10:06", area_type="zone", occupied_spaces=50),
]


@pytest.fixture(scope="module")
def docs(spark: SparkSession) -> dict[tuple[str, str], Document]:
    return by_window(batch(spark, JOB, EVENTS))


def test_a_window_ends_with_its_last_observation_and_sums_its_counts(docs: dict[tuple[str, str], Document]) -> None:
    assert docs["counted", "10:00"] == {
        "tenant": "toulouse",
        "entity_id": "counted",
        "window_start": at("10:00"),
        "window_end": at("10:05"),
        "area_type": "site",
        "basis": "counts",
        "name": None,
        "zone_id": None,
        "location": None,
        "total_spaces": 100,
        "occupied_spaces": 42,
        "free_spaces": 58,
        "occupancy_ratio": 0.42,
        "arrivals_count": 5,
        "departures_count": 1,
        "turnover_per_space": 0.05,
        "mean_stay_seconds": None,
        "parts_count": 1,
        "observations_count": 2,
        "coverage_ratio": 0.4,
        "flags": [],
        "last_ingested_at": at("10:03:02.999999"),
    }


def test_an_observation_at_the_boundary_belongs_to_the_later_window(docs: dict[tuple[str, str], Document]) -> None:
    assert (docs["counted", "10:05"]["arrivals_count"], docs["counted", "10:05"]["flags"]) == (8, ["frozen"])
    assert ("counted", "10:10") not in docs


def test_without_counts_the_changes_are_a_lower_bound(docs: dict[tuple[str, str], Document]) -> None:
    doc = docs["differences", "10:05"]
    assert (doc["arrivals_count"], doc["departures_count"]) == (5, 3)
    assert (doc["flags"], doc["observations_count"], doc["coverage_ratio"]) == (["arrivals_from_differences"], 3, 0.6)
    assert doc["last_ingested_at"] == at("10:09:03")


def test_one_observation_without_counts_tells_no_movement(docs: dict[tuple[str, str], Document]) -> None:
    doc = docs["alone", "10:00"]
    assert (doc["occupied_spaces"], doc["free_spaces"]) == (70, 30)
    assert (doc["arrivals_count"], doc["departures_count"], doc["turnover_per_space"], doc["flags"]) == (
        None,
        None,
        None,
        [],
    )


def test_more_vehicles_than_spaces_is_a_value_with_a_flag(docs: dict[tuple[str, str], Document]) -> None:
    doc = docs["over", "10:00"]
    assert (doc["occupied_spaces"], doc["free_spaces"], doc["occupancy_ratio"]) == (112, 0, 1.12)
    assert doc["flags"] == ["over_capacity"]


def test_zero_is_a_value(docs: dict[tuple[str, str], Document]) -> None:
    doc = docs["empty", "10:00"]
    assert (doc["occupied_spaces"], doc["free_spaces"], doc["occupancy_ratio"]) == (0, 100, 0.0)
    assert (doc["arrivals_count"], doc["departures_count"], doc["turnover_per_space"]) == (0, 0, 0.0)


def test_unknown_is_null(docs: dict[tuple[str, str], Document]) -> None:
    for name in ("occupied_spaces", "free_spaces", "occupancy_ratio", "arrivals_count"):
        assert docs["silent", "10:00"][name] is None
    assert docs["unsized", "10:00"]["occupied_spaces"] == 50
    for name in ("total_spaces", "free_spaces", "occupancy_ratio", "turnover_per_space"):
        assert docs["unsized", "10:00"][name] is None
    assert docs["no spaces", "10:00"]["occupancy_ratio"] is None


def test_more_free_spaces_than_spaces_say_nothing_of_the_vehicles(docs: dict[tuple[str, str], Document]) -> None:
    doc = docs["absurd", "10:00"]
    assert (doc["occupied_spaces"], doc["free_spaces"], doc["occupancy_ratio"]) == (None, 8259, None)
    assert doc["flags"] == ["counts_inconsistent"]


def test_contradictions_and_closing_are_flagged_and_kept(docs: dict[tuple[str, str], Document]) -> None:
    doc = docs["contradictory", "10:00"]
    assert (doc["occupied_spaces"], doc["free_spaces"], doc["occupancy_ratio"]) == (50, 10, 0.5)
    assert doc["flags"] == ["closed", "counts_inconsistent"]


def test_a_count_longer_than_the_window_is_flagged(docs: dict[tuple[str, str], Document]) -> None:
    assert docs["quarter", "10:00"]["arrivals_count"] == 70
    assert docs["quarter", "10:00"]["flags"] == ["long_counting_interval"]


def test_a_missing_count_is_filled_by_the_change(docs: dict[tuple[str, str], Document]) -> None:
    doc = docs["patchy", "10:00"]
    assert (doc["arrivals_count"], doc["departures_count"], doc["flags"]) == (7, 4, ["arrivals_from_differences"])


def test_zones_are_left_to_their_own_job(docs: dict[tuple[str, str], Document]) -> None:
    assert "gone" not in {site for site, _ in docs}
