"""How often a bike station has bikes and docks."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import SparkSession

from jobs.bike_availability import JOB
from tests.jobs.mobility.frames import Document, Event, at, batch, by_window, event

pytestmark = pytest.mark.spark

Docs = dict[tuple[str, str], Document]


def seen(station: str, time: str, bikes: int | None, docks: int | None, **values: Any) -> Event:
    return event(station, time, bikes_available=bikes, docks_available=docks, **{"capacity": 20, **values})


EVENTS = [
    seen("usual", "10:00", 5, 15, name="Capitole", is_renting=True, is_returning=True),
    seen("usual", "10:04:59", 0, 20),
    seen("usual", "10:14", 4, 16, name="Le Capitole"),
    seen("usual", "10:15", 20, 0),
    seen("closed", "10:00", 5, 15, is_renting=False, is_returning=False),
    seen("away", "10:00", 5, 15, is_installed=False),
    seen("broken", "10:00", 0, 0, bikes_disabled=12, docks_disabled=8),
    seen("crowded", "10:00", 19, 2),
    seen("silent", "10:00", None, None),
    seen("half", "10:00", None, 3),
    seen("half", "10:06", 6, None, capacity=None),
]


@pytest.fixture(scope="module")
def docs(spark: SparkSession) -> Docs:
    return by_window(batch(spark, JOB, EVENTS))


def test_means_and_shares_are_over_the_observations(docs: Docs) -> None:
    assert docs["usual", "10:00"] == {
        "tenant": "toulouse",
        "entity_id": "usual",
        "window_start": at("10:00"),
        "window_end": at("10:15"),
        "name": "Le Capitole",
        "location": None,
        "capacity": 20,
        "mean_bikes_available": 3.0,
        "mean_docks_available": 17.0,
        "bike_availability_ratio": 2 / 3,
        "dock_availability_ratio": 1.0,
        "imbalance_ratio": -0.7,
        "observations_count": 3,
        "coverage_ratio": 2 / 3,
        "flags": [],
        "last_ingested_at": at("10:14:03"),
    }


def test_a_full_station_has_no_dock(docs: Docs) -> None:
    doc = docs["usual", "10:15"]
    assert (doc["bike_availability_ratio"], doc["dock_availability_ratio"], doc["imbalance_ratio"]) == (1.0, 0.0, 1.0)


def test_what_cannot_be_taken_or_given_back_is_not_available(docs: Docs) -> None:
    for name in ("closed", "away"):
        doc = docs[name, "10:00"]
        assert (doc["bike_availability_ratio"], doc["dock_availability_ratio"]) == (0.0, 0.0)
        assert doc["mean_bikes_available"] == 5.0
    assert (docs["closed", "10:00"]["flags"], docs["away", "10:00"]["flags"]) == ([], ["not_installed"])


def test_no_bikes_and_no_docks_have_no_balance(docs: Docs) -> None:
    doc = docs["broken", "10:00"]
    assert (doc["mean_bikes_available"], doc["imbalance_ratio"], doc["flags"]) == (0.0, None, [])


def test_more_than_fits_is_flagged(docs: Docs) -> None:
    assert docs["crowded", "10:00"]["flags"] == ["counts_exceed_capacity"]


def test_unknown_is_null_and_does_not_count_as_none(docs: Docs) -> None:
    doc = docs["silent", "10:00"]
    for name in ("mean_bikes_available", "bike_availability_ratio", "dock_availability_ratio", "imbalance_ratio"):
        assert doc[name] is None
    half = docs["half", "10:00"]
    assert (half["mean_bikes_available"], half["mean_docks_available"]) == (6.0, 3.0)
    assert (half["bike_availability_ratio"], half["capacity"]) == (1.0, None)
