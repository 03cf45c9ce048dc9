"""What car parks come to together."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import SparkSession

from jobs.parking_by_zone import JOB
from tests.jobs.mobility.frames import Document, Event, batch, by_window, event

pytestmark = pytest.mark.spark

Docs = dict[tuple[str, str], Document]


def said(site: str, zone: str | None, time: str, **values: Any) -> Event:
    return event(site, time, **{"area_type": "site", "zone_id": zone, "total_spaces": 100, **values})


def counted(arrivals: int, departures: int) -> dict[str, Any]:
    return {"arrivals_count": arrivals, "departures_count": departures, "counting_interval_seconds": 60.0}


EVENTS = [
    said("a", "centre", "10:01", occupied_spaces=10, **counted(2, 0), location={"lat": 43.0, "lon": 1.0}),
    said("a", "centre", "10:03", occupied_spaces=20, **counted(3, 1), location={"lat": 43.0, "lon": 1.0}),
    said("b", "centre", "10:02", free_spaces=40, **counted(1, 1), location={"lat": 44.0, "lon": 2.0}, flags=["frozen"]),
    said("a", "centre", "10:06", occupied_spaces=30, **counted(10, 0)),
    said("c", "north", "10:03", occupied_spaces=50),
    said("d", "north", "10:04", occupied_spaces=50),
    said("c", "north", "10:06", occupied_spaces=54),
    said("d", "north", "10:07", occupied_spaces=45),
    said("d", "north", "10:08", occupied_spaces=105),
    said("e", "mixed", "10:01", occupied_spaces=50),
    said("f", "mixed", "10:01"),
    said("g", "unsized", "10:01", total_spaces=None, free_spaces=5),
    said("h", "unsized", "10:02", total_spaces=None, free_spaces=7),
    said("own", None, "10:01", area_type="zone", occupied_spaces=70, name="Quartier", **counted(4, 0)),
    said("i", "own", "10:02", occupied_spaces=50, **counted(1, 0)),
    said("i", "own", "10:08", occupied_spaces=60, **counted(1, 0)),
    said("nowhere", None, "10:01", occupied_spaces=50),
]


@pytest.fixture(scope="module")
def docs(spark: SparkSession) -> Docs:
    return by_window(batch(spark, JOB, EVENTS))


def test_a_zone_is_the_sum_of_what_each_site_said_last(docs: Docs) -> None:
    doc = docs["centre", "10:00"]
    assert (doc["area_type"], doc["basis"], doc["name"], doc["zone_id"]) == ("zone", "counts", None, None)
    assert (doc["total_spaces"], doc["occupied_spaces"], doc["free_spaces"]) == (200, 80, 120)
    assert (doc["occupancy_ratio"], doc["turnover_per_space"]) == (0.4, 0.03)
    assert (doc["arrivals_count"], doc["departures_count"]) == (6, 2)
    assert (doc["parts_count"], doc["observations_count"], doc["coverage_ratio"]) == (2, 3, 1.0)
    assert (doc["location"], doc["flags"]) == ({"lat": 43.5, "lon": 1.5}, ["frozen"])


def test_a_silent_site_is_missed_and_not_invented(docs: Docs) -> None:
    doc = docs["centre", "10:05"]
    assert (doc["total_spaces"], doc["occupied_spaces"], doc["arrivals_count"]) == (100, 30, 10)
    assert (doc["parts_count"], doc["coverage_ratio"], doc["flags"]) == (1, 0.5, ["incomplete"])
    assert ("centre", "10:10") not in docs


def test_changes_are_taken_within_each_site(docs: Docs) -> None:
    doc = docs["north", "10:05"]
    assert (doc["arrivals_count"], doc["departures_count"]) == (4 + 60, 5)
    assert doc["occupied_spaces"] == 54 + 105
    assert doc["flags"] == ["arrivals_from_differences", "over_capacity"]
    assert docs["north", "10:00"]["arrivals_count"] is None


def test_a_site_that_does_not_say_how_full_it_is_is_no_part(docs: Docs) -> None:
    doc = docs["mixed", "10:00"]
    assert (doc["total_spaces"], doc["occupied_spaces"], doc["occupancy_ratio"]) == (100, 50, 0.5)
    assert (doc["parts_count"], doc["coverage_ratio"], doc["flags"]) == (1, 0.5, ["incomplete"])


def test_where_no_site_knows_its_size_what_they_know_is_added(docs: Docs) -> None:
    doc = docs["unsized", "10:00"]
    assert (doc["total_spaces"], doc["occupied_spaces"], doc["free_spaces"]) == (None, None, 12)
    assert (doc["occupancy_ratio"], doc["parts_count"]) == (None, 2)


def test_what_is_said_of_the_zone_itself_comes_first(docs: Docs) -> None:
    doc = docs["own", "10:00"]
    assert (doc["occupied_spaces"], doc["arrivals_count"], doc["name"]) == (70, 4, "Quartier")
    assert (doc["parts_count"], doc["coverage_ratio"]) == (1, 1.0)
    assert docs["own", "10:05"]["occupied_spaces"] == 60


def test_a_site_without_a_zone_is_in_none(docs: Docs) -> None:
    assert {zone for zone, _ in docs} == {"centre", "north", "mixed", "unsized", "own"}
