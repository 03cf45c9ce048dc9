"""The example city: a Friday and a Saturday in July of a small simulated city, as the documents its figures are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from jobs.traffic_by_segment import LEVELS_OF_SERVICE
from simulator.city import City
from simulator.places import Places
from simulator.sizes import SMALL
from simulator.truth import Truth

TENANT = "exemple"
SEED = 31
START = datetime(2026, 7, 17, 6, tzinfo=UTC)  # a Friday, 8 h in Paris
END = START + timedelta(hours=32)
EVENING = START.date()
HOUR, QUARTER, FIVE = timedelta(hours=1), timedelta(minutes=15), timedelta(minutes=5)
Document = dict[str, Any]


def documents() -> Iterator[tuple[str, Document]]:
    """Every document with the name of its contract."""
    city = City(SEED, SMALL, TENANT)
    truth = Truth(city)
    for name, make in (
        ("weather_observed", _weather),
        ("heat_island_hourly", _hours),
        ("heat_island_nightly", _nights),
        ("parking_occupancy", _parking),
        ("traffic_by_segment", _traffic),
        ("transit_headway", _headways),
        ("bike_availability", _bikes),
    ):
        yield from ((name, {"tenant": TENANT, "flags": [], **d}) for d in make(city, truth))


def _weather(city: City, _: Truth) -> Iterator[Document]:
    weather = city.weather
    times = list(_steps(QUARTER))
    said = weather.readings(np.array([int(t.timestamp()) for t in times]))
    for n, station in enumerate(weather.ids):
        for i, at in enumerate(times):
            yield {
                "entity_id": station,
                "observed_at": at,
                "ingested_at": at + timedelta(seconds=5),
                "feed": "exemple-meteo",
                "location": _place(weather.places, n),
                "temperature_celsius": round(float(said.temperature_celsius[n, i]), 1),
                "relative_humidity_ratio": round(float(said.humidity_ratio[n, i]), 2),
                "wind_gust_m_per_s": round(float(said.gust_m_per_s[n, i]), 1),
                "precipitation_mm": round(float(said.rain_mm[n, i]), 1),
                "elevation_m": float(weather.elevation_m[n]),
                "local_climate_zone": weather.zones[n],
                "is_rural_reference": bool(weather.is_rural[n]),
            }


def _hours(city: City, truth: Truth) -> Iterator[Document]:
    weather = city.weather
    for start in _steps(HOUR):
        for n, station in enumerate(weather.ids):
            mean, intensity = truth.mean_temperature(station, start), truth.heat_intensity(station, start)
            yield {
                **_window(station, start, HOUR, 4),
                "location": _place(weather.places, n),
                "elevation_m": float(weather.elevation_m[n]),
                "local_climate_zone": weather.zones[n],
                "is_rural_reference": bool(weather.is_rural[n]),
                "mean_temperature_celsius": mean,
                "reference_temperature_celsius": mean - intensity,
                "intensity_celsius": intensity,
                "rejected_count": 0,
                "stations_count": weather.count,
                "reference_stations_count": int(weather.is_rural.sum()),
            }


def _nights(city: City, truth: Truth) -> Iterator[Document]:
    noon = datetime(EVENING.year, EVENING.month, EVENING.day, 12, tzinfo=UTC)
    for n, station in enumerate(city.weather.ids):
        night = truth.night(station, EVENING)
        yield {
            **_window(station, noon, timedelta(days=1), 48),
            "night_of": EVENING.isoformat(),
            "location": _place(city.weather.places, n),
            "local_climate_zone": city.weather.zones[n],
            "is_rural_reference": bool(city.weather.is_rural[n]),
            "min_temperature_celsius": night.min_celsius,
            "is_tropical_night": night.is_tropical,
            "mean_intensity_celsius": night.mean_intensity,
            "degree_hours": night.degree_hours,
            "hours_count": 12,
            "rejected_count": 0,
        }


def _parking(city: City, truth: Truth) -> Iterator[Document]:
    sites = city.parking
    for start in _steps(FIVE):
        for n, site in enumerate(sites.ids):
            true, capacity = truth.parking(site, start), int(sites.capacity[n])
            yield {
                **_window(site, start, FIVE, 5),
                "area_type": "site",
                "basis": "counts",
                "name": sites.names[n],
                "zone_id": sites.zone_ids[n],
                "location": _place(sites.places, n),
                "total_spaces": capacity,
                "occupied_spaces": true.occupied,
                "free_spaces": true.free,
                "occupancy_ratio": true.occupied / capacity,
                "arrivals_count": true.arrivals,
                "departures_count": true.departures,
                "turnover_per_space": true.arrivals / capacity,
                "parts_count": 1,
            }


def _traffic(city: City, truth: Truth) -> Iterator[Document]:
    for start in _steps(FIVE):
        for n, segment in enumerate(city.traffic.ids):
            true = truth.traffic(segment, start)
            speed, free = true.mean_speed_km_per_h, true.free_flow_speed_km_per_h
            yield {
                **_window(segment, start, FIVE, 5),
                "location": _place(city.traffic.places, n),
                "vehicles_count": true.vehicles,
                "vehicles_per_hour": true.vehicles * 12.0,
                "mean_speed_km_per_h": speed,
                "free_flow_speed_km_per_h": free,
                "travel_time_index": free / speed if speed else None,
                "level_of_service": _level(speed / free) if speed else None,
                "observed_seconds": 300.0,
            }


def _headways(city: City, truth: Truth) -> Iterator[Document]:
    for line in city.buses.lines:
        stops = [(d, line.stop_id(d, n), n) for d in (0, 1) for n in range(line.stops)]
        for direction, stop, rank in stops:
            for start in _steps(HOUR):
                true = truth.headways(line.id, direction, stop, start)
                if true.headways == 0 or true.excess_wait_seconds is None:
                    continue
                yield {
                    **_window(f"{line.id}:{direction}:{stop}", start, HOUR, true.passages),
                    "line_id": line.id,
                    "direction_id": direction,
                    "stop_id": stop,
                    "location": _place(line.places, rank if direction == 0 else line.stops - 1 - rank),
                    "passages_count": true.passages,
                    "headways_count": true.headways,
                    "mean_headway_seconds": true.mean_headway_seconds,
                    "mean_scheduled_headway_seconds": true.mean_scheduled_seconds,
                    "excess_wait_seconds": true.excess_wait_seconds,
                    "bunched_count": true.bunched,
                    "bunching_ratio": true.bunched / true.headways,
                }


def _bikes(city: City, truth: Truth) -> Iterator[Document]:
    bikes = city.bikes
    for start in _steps(QUARTER):
        for n, station in enumerate(bikes.ids):
            true = truth.bikes(station, start)
            yield {
                **_window(station, start, QUARTER, 3),
                "name": bikes.names[n],
                "location": _place(bikes.places, n),
                "capacity": int(bikes.capacity[n]),
                "mean_bikes_available": true.mean_bikes,
                "mean_docks_available": true.mean_docks,
                "bike_availability_ratio": true.bike_share,
                "dock_availability_ratio": true.dock_share,
                "imbalance_ratio": (true.mean_bikes - true.mean_docks) / (true.mean_bikes + true.mean_docks),
            }


def _window(entity: str, start: datetime, length: timedelta, observations: int) -> Document:
    return {
        "entity_id": entity,
        "window_start": start,
        "window_end": start + length,
        "observations_count": observations,
        "coverage_ratio": 1.0,
        "last_ingested_at": start + length,
    }


def _steps(step: timedelta) -> Iterator[datetime]:
    at = START
    while at < END:
        yield at
        at += step


def _place(places: Places, n: int) -> dict[str, float]:
    return {"lat": float(places.lat[n]), "lon": float(places.lon[n])}


def _level(speed_ratio: float) -> str:
    return next((level for level, least in LEVELS_OF_SERVICE.items() if speed_ratio > least), "F")
