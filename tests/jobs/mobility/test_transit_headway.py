"""How regularly a line serves a stop."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import SparkSession

from jobs.transit_headway import JOB
from tests.jobs.mobility.frames import Document, Event, at, batch, by_window, event

pytestmark = pytest.mark.spark

Docs = dict[tuple[str, str], Document]


def stood(stop: str, time: str, trip: str | None, due: str | None = None, **values: Any) -> Event:
    usual = {"line_id": "L1", "direction_id": 0, "stop_status": "stopped_at"}
    due_at = at(due) if due else None
    bus = values.pop("bus", f"bus of {trip}")
    return event(bus, time, stop_id=stop, trip_id=trip, scheduled_at=due_at, **{**usual, **values})


EVENTS = [
    # headways 20 and 1 min, scheduled 10 and 10; the first one ends in the hour and begins before it
    stood("regular", "09:50", "a", "09:50"),
    stood("regular", "10:09:30", "b", "10:00", stop_status="incoming_at"),
    stood("regular", "10:10", "b", "10:00", location={"lat": 43.0, "lon": 1.0}),
    stood("regular", "10:10:20", "b", "10:00", location={"lat": 49.0, "lon": 9.0}, flags=["off_route"]),
    stood("regular", "10:11", "c", "10:10", location={"lat": 44.0, "lon": 2.0}),
    stood("regular", "11:30", "d", "11:30"),
    # stands from 09:59:30 on: a passage of nine o'clock
    stood("standing", "09:59:30", "a"),
    stood("standing", "10:00", "a"),
    stood("standing", "10:00:30", "a"),
    stood("overtaken", "10:00", "a", "10:00"),
    stood("overtaken", "10:20", "c", "10:20"),
    stood("overtaken", "10:30", "b", "10:10"),
    stood("partly", "10:00", "a", "10:00"),
    stood("partly", "10:10", "b"),
    stood("nameless", "10:00", None, bus="x"),
    stood("nameless", "10:00:40", None, bus="x"),
    stood("nameless", "10:40", None, bus="x"),
    stood("loop", "10:00", "a", stop_sequence=1),
    stood("loop", "10:50", "a", stop_sequence=40),
    stood("undirected", "10:00", "a", direction_id=None),
    stood("unknown", "10:00", "a", line_id=None),
]


@pytest.fixture(scope="module")
def docs(spark: SparkSession) -> Docs:
    every = by_window(batch(spark, JOB, EVENTS))
    return {(name.removeprefix("L1:0:"), hour): doc for (name, hour), doc in every.items()}


def test_headways_end_in_the_hour_and_waits_follow_from_them(docs: Docs) -> None:
    actual, scheduled = (1200**2 + 60**2) / (2 * 1260), 600 / 2
    assert docs["regular", "10:00"] == {
        "tenant": "toulouse",
        "entity_id": "L1:0:regular",
        "window_start": at("10:00"),
        "window_end": at("11:00"),
        "line_id": "L1",
        "direction_id": 0,
        "stop_id": "regular",
        "location": {"lat": 43.5, "lon": 1.5},
        "passages_count": 2,
        "headways_count": 2,
        "mean_headway_seconds": 630.0,
        "mean_scheduled_headway_seconds": 600.0,
        "average_wait_seconds": actual,
        "excess_wait_seconds": actual - scheduled,
        "bunched_count": 1,
        "bunching_ratio": 0.5,
        "observations_count": 3,
        "coverage_ratio": 1.0,
        "flags": ["off_route"],
        "last_ingested_at": at("10:11:03"),
    }


def test_the_first_passage_known_has_no_headway(docs: Docs) -> None:
    doc = docs["regular", "09:00"]
    assert (doc["passages_count"], doc["headways_count"], doc["flags"]) == (1, 0, ["first_headway_unknown"])
    for name in ("mean_headway_seconds", "average_wait_seconds", "excess_wait_seconds", "bunching_ratio"):
        assert doc[name] is None
    # the hour before is read, and no more
    assert docs["regular", "11:00"]["headways_count"] == 1
    assert docs["regular", "11:00"]["mean_headway_seconds"] == 79 * 60.0


def test_a_vehicle_that_stands_since_the_hour_before_passed_then(docs: Docs) -> None:
    assert docs["standing", "09:00"]["passages_count"] == 1
    doc = docs["standing", "10:00"]
    assert (doc["passages_count"], doc["observations_count"], doc["coverage_ratio"]) == (0, 2, None)
    assert (doc["location"], doc["flags"]) == (None, [])


def test_the_timetable_has_an_order_of_its_own(docs: Docs) -> None:
    doc = docs["overtaken", "10:00"]
    assert (doc["mean_headway_seconds"], doc["mean_scheduled_headway_seconds"]) == (900.0, 600.0)
    assert doc["excess_wait_seconds"] == (1200**2 + 600**2) / (2 * 1800) - 300


def test_an_incomplete_timetable_gives_no_excess_wait(docs: Docs) -> None:
    doc = docs["partly", "10:00"]
    assert (doc["average_wait_seconds"], doc["coverage_ratio"]) == (300.0, 0.5)
    for name in ("mean_scheduled_headway_seconds", "excess_wait_seconds", "bunched_count", "bunching_ratio"):
        assert doc[name] is None
    assert doc["flags"] == ["first_headway_unknown", "schedule_incomplete"]


def test_without_a_trip_a_vehicle_that_was_away_comes_again(docs: Docs) -> None:
    doc = docs["nameless", "10:00"]
    assert (doc["passages_count"], doc["mean_headway_seconds"], doc["coverage_ratio"]) == (2, 2400.0, 0.0)


def test_a_loop_serves_its_first_stop_again(docs: Docs) -> None:
    assert docs["loop", "10:00"]["passages_count"] == 2


def test_a_line_without_directions_has_a_name_and_one_without_a_line_none(docs: Docs) -> None:
    doc = docs["L1::undirected", "10:00"]
    assert (doc["direction_id"], doc["line_id"], doc["stop_id"]) == (None, "L1", "undirected")
    assert not any("unknown" in name for name, _ in docs)
