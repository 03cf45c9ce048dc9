"""Forty loggers in Biel during the heat wave of August 2023, as published with thorerismann/urban-heat-biel."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.indicators.heat import tropical_nights
from jobs.indicators.heat_hours import NetworkHour, network_hour
from jobs.indicators.heat_maps import heat_map
from jobs.indicators.heat_observations import Observations
from jobs.indicators.interpolation import interpolated
from jobs.indicators.interpolation_plane import distances_km, plane_km

REFERENCE = "206"  # the logger all the others are compared with
START = datetime(2023, 8, 18, tzinfo=UTC)
Observe = Callable[[list[dict[str, Any]]], Observations]


@pytest.fixture(scope="module")
def loggers(shared_data: Path) -> list[dict[str, str]]:
    path = shared_data / "uhi_biel_heatwave" / "heatwave_23_hourly_uhi_ci.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def hours(loggers: list[dict[str, str]], observe: Observe) -> list[tuple[Observations, NetworkHour]]:
    """The mean day as a day: each logger four times an hour, over a reference of 15–25 °C."""
    events = [
        {
            "entity_id": row["logger"],
            "observed_at": START + timedelta(hours=int(row["hour"]), minutes=15 * quarter),
            "ingested_at": START + timedelta(days=1),
            "location": {"lat": float(row["y"]), "lon": float(row["x"])} if row["x"] else None,
            "flags": [],
            "temperature_celsius": 20 + 5 * math.cos((int(row["hour"]) - 15) / 12 * math.pi) + float(row["uhi"]),
            "is_rural_reference": row["logger"] == REFERENCE,
        }
        for row in loggers
        if row["uhi"]
        for quarter in range(4)
    ]
    observed = observe(events)
    start = int(START.timestamp()) * 1_000_000
    return [(observed, network_hour(observed, start + h * 3_600_000_000)) for h in range(24)]


def test_the_published_intensities_come_back(
    loggers: list[dict[str, str]], hours: list[tuple[Observations, NetworkHour]]
) -> None:
    published = {(int(r["hour"]), r["logger"]): float(r["uhi"]) for r in loggers if r["uhi"]}
    found = {
        (h, name): float(hour.intensity_celsius[i])
        for h, (observed, hour) in enumerate(hours)
        for i, name in enumerate(observed.stations)
        if hour.has_reported[i]
    }
    assert found == pytest.approx(published, abs=1e-9)
    strongest = max(found, key=found.__getitem__)
    assert strongest == (6, "219")
    assert found[strongest] == pytest.approx(4.63, abs=0.005)


def test_quality_control_leaves_a_real_heat_island_alone(hours: list[tuple[Observations, NetworkHour]]) -> None:
    assert sum(int(hour.rejected.sum()) for _, hour in hours) == 0
    assert sum(int(hour.accepted.sum()) for _, hour in hours) > 3500


def test_kriging_tells_a_logger_better_than_the_mean_at_night(hours: list[tuple[Observations, NetworkHour]]) -> None:
    _, hour = hours[3]
    place = plane_km(hour.stations.latitude, hour.stations.longitude, (47.14, 7.25))
    used = np.isfinite(hour.mean_celsius) & np.isfinite(place).all(axis=1)
    place, values = place[used], hour.mean_celsius[used]
    told = [
        interpolated(
            np.delete(values, i),
            distances_km(np.delete(place, i, axis=0), np.delete(place, i, axis=0)),
            distances_km(place[i : i + 1], np.delete(place, i, axis=0)),
        ).values[0]
        for i in range(len(values))
    ]
    others = [np.delete(values, i).mean() for i in range(len(values))]
    assert np.sqrt(np.mean((told - values) ** 2)) < 0.9 * np.sqrt(np.mean((others - values) ** 2))


def test_the_map_stays_within_what_the_loggers_measured(hours: list[tuple[Observations, NetworkHour]]) -> None:
    observed, hour = hours[6]
    made = heat_map(observed, hour)
    measured = hour.intensity_celsius[np.isfinite(hour.intensity_celsius)]
    assert made.intensity_celsius.min() > measured.min() - 0.5
    assert made.intensity_celsius.max() < measured.max() + 0.5


def test_the_published_numbers_of_hot_days_and_tropical_nights_come_back(shared_data: Path) -> None:
    path = shared_data / "uhi_biel_heatwave" / "heatwave_23_temp_stats.csv"
    with path.open(encoding="utf-8", newline="") as file:
        days = list(csv.DictReader(file))
    lowest = np.array([float(d["daily_min"] or "nan") for d in days])
    highest = np.array([float(d["daily_max"] or "nan") for d in days])
    complete = np.ones(len(days), dtype=bool)
    # theirs are strictly above 20.5 °C
    assert tropical_nights(lowest, complete, threshold=np.nextafter(20.5, 21)).count(True) == 196
    assert int((highest > 31.0).sum()) == 404
    assert tropical_nights(lowest, complete).count(True) == int((lowest >= 20.0).sum())
