"""What single spaces come to: by zone, and by site."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import SparkSession

from jobs import parking_spots_by_site, parking_spots_by_zone
from tests.jobs.mobility.frames import Document, Event, at, batch, by_window, event

pytestmark = pytest.mark.spark

Docs = dict[tuple[str, str], Document]


def told(spot: str, zone: str, time: str, status: str, since: str | None = None, **values: Any) -> Event:
    known = {"status_since": at(since)} if since else {}
    return event(spot, time, zone_id=zone, site_id=f"street of {zone}", status=status, **known, **values)


EVENTS = [
    # "zone": 1 stays, 2 leaves in the window, 3 comes in it and leaves again, 4 is closed, 5 is silent for too long
    told("1", "zone", "09:50", "occupied", "08:00", zone_spaces=5),
    told("2", "zone", "09:55", "occupied", "09:00"),
    told("2", "zone", "10:01", "free", "10:01", previous_status_seconds=3660.0),
    told("3", "zone", "10:00", "occupied", "10:00", previous_status_seconds=50.0),
    told("3", "zone", "10:04", "free", "10:04", previous_status_seconds=240.0),
    told("4", "zone", "09:56", "closed", "09:00"),
    told("5", "zone", "09:39", "occupied", "08:00"),
    # "lost": the message of 10:02 did not come, the heartbeat tells; it comes twice, a second apart
    told("1", "lost", "09:58", "free", "09:00"),
    told("1", "lost", "10:03", "occupied", "10:02", previous_status_seconds=3720.0),
    told("1", "lost", "10:04", "occupied", "10:02:01"),
    # "late": the radio delays a message past the end of the window
    told("1", "late", "10:01", "free", "09:00"),
    told("1", "late", "10:05:07", "occupied", "10:04:58"),
    # "sampled": the sensors do not say since when
    told("1", "sampled", "09:59", "occupied"),
    told("1", "sampled", "10:01", "occupied"),
    told("1", "sampled", "10:02", "unknown"),
    told("1", "sampled", "10:03", "free"),
    told("2", "sampled", "10:03", "free"),
    told("2", "sampled", "10:06", "occupied"),
    # "edge": what begins at the end of the window belongs to the next one
    told("1", "edge", "10:00", "free", "09:59:59"),
    told("1", "edge", "10:05", "occupied", "10:05"),
    told("1", "small", "10:01", "occupied", "09:00", zone_spaces=0),
]


@pytest.fixture(scope="module")
def docs(spark: SparkSession) -> Docs:
    return by_window(batch(spark, parking_spots_by_zone.JOB, EVENTS))


def test_spaces_at_the_end_of_the_window_and_what_moved_in_it(docs: Docs) -> None:
    assert docs["zone", "10:00"] == {
        "tenant": "toulouse",
        "entity_id": "zone",
        "window_start": at("10:00"),
        "window_end": at("10:05"),
        "area_type": "zone",
        "basis": "spots",
        "name": None,
        "zone_id": None,
        "location": None,
        "total_spaces": 5,
        "occupied_spaces": 1,
        "free_spaces": 2,
        "occupancy_ratio": 0.2,
        "arrivals_count": 1,
        "departures_count": 2,
        "turnover_per_space": 0.2,
        "mean_stay_seconds": (3660 + 240) / 2,
        "parts_count": 4,
        "observations_count": 6,
        "coverage_ratio": 0.8,
        "flags": ["spots_silent"],
        "last_ingested_at": at("10:04:03"),
    }


def test_a_space_stands_for_itself_until_it_should_have_been_heard_again(docs: Docs) -> None:
    assert ("zone", "10:05") not in docs  # nobody said anything in it
    assert (docs["zone", "09:35"]["occupied_spaces"], docs["zone", "09:35"]["parts_count"]) == (1, 1)
    assert docs["zone", "09:55"]["occupied_spaces"] == 3


def test_a_lost_change_comes_back_with_the_heartbeat(docs: Docs) -> None:
    doc = docs["lost", "10:00"]
    assert (doc["arrivals_count"], doc["departures_count"], doc["occupied_spaces"]) == (1, 0, 1)
    assert (doc["mean_stay_seconds"], doc["total_spaces"], doc["flags"]) == (None, 1, [])


def test_a_delayed_change_counts_when_it_happened(docs: Docs) -> None:
    assert (docs["late", "10:00"]["arrivals_count"], docs["late", "10:00"]["occupied_spaces"]) == (1, 1)
    assert (docs["late", "10:05"]["arrivals_count"], docs["late", "10:05"]["occupied_spaces"]) == (0, 1)


def test_sensors_that_only_sample_show_changes_between_samples(docs: Docs) -> None:
    doc = docs["sampled", "10:00"]
    assert (doc["arrivals_count"], doc["departures_count"]) == (0, 1)
    assert (doc["occupied_spaces"], doc["free_spaces"], doc["flags"]) == (0, 2, ["arrivals_from_transitions"])
    assert docs["sampled", "10:05"]["arrivals_count"] == 1


def test_what_begins_at_the_end_belongs_to_the_next_window(docs: Docs) -> None:
    assert (docs["edge", "10:00"]["arrivals_count"], docs["edge", "10:00"]["occupied_spaces"]) == (0, 0)
    assert (docs["edge", "10:05"]["arrivals_count"], docs["edge", "10:05"]["occupied_spaces"]) == (1, 1)


def test_a_zone_of_no_spaces_has_no_ratio_and_a_flag(docs: Docs) -> None:
    doc = docs["small", "10:00"]
    assert (doc["occupied_spaces"], doc["occupancy_ratio"], doc["coverage_ratio"]) == (1, None, None)
    assert doc["flags"] == ["over_capacity"]


def test_a_site_gets_the_same_figures_and_the_zone_it_lies_in(spark: SparkSession, docs: Docs) -> None:
    sites = by_window(
        batch(spark, parking_spots_by_site.JOB, [e | {"site_spaces": e.get("zone_spaces")} for e in EVENTS])
    )
    own = {"entity_id", "area_type", "zone_id"}
    assert {(f"street of {zone}", time) for zone, time in docs} == set(sites)
    for (zone, time), doc in docs.items():
        site = sites[f"street of {zone}", time]
        assert (site["area_type"], site["basis"], site["zone_id"]) == ("site", "spots", zone)
        assert {k: v for k, v in site.items() if k not in own} == {k: v for k, v in doc.items() if k not in own}
