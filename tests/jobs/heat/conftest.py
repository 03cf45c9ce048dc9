"""A small city with a known heat field, as events and as observations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from jobs.indicators.heat_observations import Observations, observations

Event = dict[str, Any]
EVENING = datetime(2026, 7, 14, 20, tzinfo=UTC)
CENTRE = (43.6045, 1.4440)

OBSERVATION = pa.struct(
    [
        ("entity_id", pa.string()),
        ("observed_at", pa.int64()),
        ("ingested_at", pa.int64()),
        ("temperature_celsius", pa.float64()),
        ("relative_humidity_ratio", pa.float64()),
        ("flags", pa.string()),
    ]
)
STATION = pa.struct(
    [
        ("entity_id", pa.string()),
        ("lat", pa.float64()),
        ("lon", pa.float64()),
        ("elevation_m", pa.float64()),
        ("local_climate_zone", pa.string()),
        ("is_rural_reference", pa.bool_()),
    ]
)


def micros(time: datetime) -> int:
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def as_observations(events: Iterable[Event]) -> Observations:
    observed, described = [], []
    for event in events:
        times = {name: micros(event[name]) for name in ("observed_at", "ingested_at")}
        place = event["location"] or {"lat": None, "lon": None}
        observed.append({f.name: event.get(f.name) for f in OBSERVATION} | times | {"flags": ",".join(event["flags"])})
        described.append({f.name: event.get(f.name) for f in STATION} | place)
    return observations(pa.array(observed, OBSERVATION), pa.array(described, STATION))


def intensity_at(east_km: float, north_km: float, time: datetime) -> float:
    """The known truth: a dome of 5 °C over the centre at night, of 1 °C by day."""
    strength = 3 + 2 * math.cos((time.hour + time.minute / 60 - 2) / 24 * 2 * math.pi)
    return strength * math.exp(-(east_km**2 + north_km**2) / (2 * 4.0**2))


def rural_temperature(time: datetime) -> float:
    """At 150 m, away from the city."""
    return 23 + 7 * math.cos((time.hour + time.minute / 60 - 15) / 24 * 2 * math.pi)


def city(
    start: datetime = EVENING,
    hours: float = 1,
    stations: int = 40,
    references: int = 4,
    minutes: int = 15,
    noise: float = 0.0,
    seed: int = 1,
) -> list[Event]:
    """Events of a network; the last `references` stations are rural, far out and higher."""
    rng = np.random.default_rng(seed)
    events = []
    for i in range(stations):
        is_rural = i >= stations - references
        angle, radius = rng.uniform(0, 2 * math.pi), rng.uniform(14, 16) if is_rural else rng.uniform(0, 8)
        east, north = radius * math.cos(angle), radius * math.sin(angle)
        elevation = 250.0 if is_rural else float(rng.uniform(130, 190))
        lat = CENTRE[0] + north / 111.195
        lon = CENTRE[1] + east / (111.195 * math.cos(math.radians(CENTRE[0])))
        for n in range(int(hours * 60) // minutes):
            time = start + timedelta(minutes=n * minutes)
            excess = 0.0 if is_rural else intensity_at(east, north, time)
            temperature = rural_temperature(time) + excess - 0.0065 * (elevation - 150) + noise * rng.normal()
            events.append(
                {
                    "tenant": "toulouse",
                    "entity_id": f"station-{i:03}",
                    "observed_at": time,
                    "ingested_at": time + timedelta(seconds=20),
                    "feed": "test",
                    "location": {"lat": lat, "lon": lon},
                    "flags": [],
                    "temperature_celsius": temperature,
                    "relative_humidity_ratio": 0.5,
                    "elevation_m": elevation,
                    "local_climate_zone": "D" if is_rural else "6",
                    "is_rural_reference": is_rural,
                }
            )
    return events


@pytest.fixture(scope="session")
def make_city() -> Callable[..., list[Event]]:
    return city


@pytest.fixture(scope="session")
def observe() -> Callable[[Iterable[Event]], Observations]:
    return as_observations


@pytest.fixture(scope="session")
def truth() -> Callable[[float, float, datetime], float]:
    return intensity_at
