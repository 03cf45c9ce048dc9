"""A small city's documents of the last hours, made from the contracts: for the pages to have something to show."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import h3
import orjson
from elasticsearch import Elasticsearch

from runtime.elastic.bulk import Action, write
from runtime.elastic.setup import ensure_templates
from schemas import contract, contracts
from schemas.documents import document_id, index_name, latest_index_name
from tests.browser.records import ledger, letters

TENANT = "toulouse_test"
CENTRE = (43.6045, 1.444)
HOURS = 8
GAP_HOURS = (3, 5)  # before now: one station says nothing
LEVELS = "ABCDEF"
Document = dict[str, Any]


def fill(es: Elasticsearch, now: datetime, hours: int = HOURS) -> int:
    """Bring the city's last hours into Elasticsearch, visible at once; the number of its documents."""
    ensure_templates(es, contracts().values())
    every = [action for name, document in documents(now, hours) for action in actions(name, document)]
    for start in range(0, len(every), 2000):
        write(es, every[start : start + 2000])
    es.indices.refresh(index="city-*")
    return len(every)


def actions(name: str, document: Document) -> Iterator[Action]:
    """What is written of a document: itself, and the newest state of its entity."""
    of = contract(name)
    version, source = int(document[of.time].timestamp() * 1000), orjson.dumps(document)
    yield Action(index_name(of, TENANT, document[of.time]), document_id(of, document), version, source)
    if of.has_latest:
        yield Action(latest_index_name(of, TENANT), f"{TENANT}|{document['entity_id']}", version, source)


def documents(now: datetime, hours: int) -> Iterator[tuple[str, Document]]:
    """Documents with the names of their contracts, the oldest first."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    every = [*of_hours(now, hours), *nights(hour), *letters(TENANT, now)]
    yield from every
    yield from ledger(TENANT, every)


def of_hours(now: datetime, hours: int) -> Iterator[tuple[str, Document]]:
    hour = now.replace(minute=0, second=0, microsecond=0)
    for back in range(hours, -1, -1):
        start = hour - timedelta(hours=back)
        yield from (*heat(start), *stations(start), *lines(start))
        for quarter in range(4):
            at = start + timedelta(minutes=15 * quarter)
            if at <= now:
                yield from observed(at, is_gap=GAP_HOURS[0] <= (now - at) / timedelta(hours=1) < GAP_HOURS[1])
                yield from windows(at)


def place(n: int, ring: float) -> dict[str, float]:
    """The n-th place at about a distance (degrees) from the centre."""
    angle = n * 2.399963  # the golden angle spreads them
    far = ring * math.sqrt((n % 12 + 1) / 12)
    return {
        "lat": round(CENTRE[0] + far * math.cos(angle), 5),
        "lon": round(CENTRE[1] + 1.4 * far * math.sin(angle), 5),
    }


def day(at: datetime, peak_hour: float) -> float:
    """A wave of a day, −1 to 1, highest at an hour (UTC)."""
    return math.cos((at.hour + at.minute / 60 - peak_hour) / 24 * 2 * math.pi)


def event(entity: str, at: datetime, where: dict[str, float] | None, feed: str, **more: Any) -> Document:
    head = {"tenant": TENANT, "entity_id": entity, "observed_at": at, "ingested_at": at + timedelta(seconds=2)}
    return {**head, "feed": feed, "location": where, "flags": [], **more}


def result(entity: str, start: datetime, minutes: int, where: dict[str, float] | None, **more: Any) -> Document:
    end = start + timedelta(minutes=minutes)
    head = {"tenant": TENANT, "entity_id": entity, "window_start": start, "window_end": end, "location": where}
    tail = {"observations_count": 1, "coverage_ratio": 1.0, "flags": [], "last_ingested_at": end}
    return {**head, **tail, **more}


def heat(start: datetime) -> Iterator[tuple[str, Document]]:
    home = h3.latlng_to_cell(*CENTRE, 8)
    for cell in h3.grid_disk(home, 5):
        lat, lon = h3.cell_to_latlng(cell)
        far = h3.grid_distance(home, cell) / 5
        intensity = (3.2 - 3.4 * far) * (0.6 - 0.4 * day(start, 14))
        where = {"lat": lat, "lon": lon}
        figures = {"temperature_celsius": 19 + 6 * day(start, 14) + intensity, "intensity_celsius": intensity}
        about = {"h3_resolution": 8, "stations_count": 12, "method": "kriging", "standard_error_celsius": 0.3}
        yield "heat_island_map", result(cell, start, 60, where, **figures, **about, nearest_station_m=400.0)


def stations(start: datetime) -> Iterator[tuple[str, Document]]:
    for n in range(12):
        rural = n >= 9
        intensity = 0.0 if rural else (2.8 - n * 0.25) * (0.6 - 0.4 * day(start, 14))
        flags = ["few_observations", "step"] if n == 4 else []
        figures = {
            "mean_temperature_celsius": 19 + 6 * day(start, 14) + intensity,
            "intensity_celsius": intensity,
            "is_rural_reference": rural,
            "local_climate_zone": "D" if rural else str(2 + n % 3),
            "rejected_count": 0,
            "stations_count": 12,
            "reference_stations_count": 3,
            "observations_count": 4,
        }
        yield "heat_island_hourly", result(f"station-{n:02}", start, 60, place(n, 0.05), **{**figures, "flags": flags})


def lines(start: datetime) -> Iterator[tuple[str, Document]]:
    for line in range(3):
        for stop in range(5):
            wait = 240 + 60 * line + 90 * max(0.0, day(start, 7)) + 20 * stop
            figures = {"passages_count": 6, "headways_count": 5, "mean_headway_seconds": wait * 1.8}
            more = {"average_wait_seconds": wait, "excess_wait_seconds": wait - 230, "bunched_count": line}
            about = {"line_id": f"L{line + 1}", "direction_id": 0, "stop_id": f"stop-{line}-{stop}"}
            entity = f"L{line + 1}:0:stop-{line}-{stop}"
            yield "transit_headway", result(entity, start, 60, stop_place(line, stop), **figures, **more, **about)


def stop_place(line: int, stop: int) -> dict[str, float]:
    turn = line * math.pi / 3
    along = (stop - 2) * 0.015
    return {
        "lat": round(CENTRE[0] + along * math.cos(turn), 5),
        "lon": round(CENTRE[1] + 1.4 * along * math.sin(turn), 5),
    }


def observed(at: datetime, *, is_gap: bool) -> Iterator[tuple[str, Document]]:
    """Every observation of a quarter of an hour."""
    for n in range(12):
        if n == 7 and is_gap:
            continue
        temperature = 19 + 6 * day(at, 14) + (0 if n >= 9 else 1.5)
        more = {"temperature_celsius": temperature, "relative_humidity_ratio": 0.5, "is_rural_reference": n >= 9}
        yield "weather_observed", event(f"station-{n:02}", at, place(n, 0.05), "test-weather", **more)
    for n in range(10):
        taken = occupied(n, at)
        counts = {"total_spaces": 400, "occupied_spaces": taken, "free_spaces": 400 - taken, "zone_id": f"zone-{n % 3}"}
        more = {**counts, "name": f"Parking {n + 1}", "area_type": "site", "opening_status": "open"}
        yield "parking_observed", event(f"parking-{n:02}", at, place(n, 0.03), "test-parking", **more)
    for n in range(12):
        bikes = bikes_at(n, at)
        more = {
            "name": f"Station vélo {n + 1}",
            "capacity": 20,
            "bikes_available": bikes,
            "docks_available": 20 - bikes,
        }
        yield "bike_station_observed", event(f"bikes-{n:02}", at, place(n + 5, 0.025), "test-bikes", **more)
    for n in range(16):
        more = {"intensity_vehicles": 40, "period_seconds": 300.0, "average_speed_km_per_h": speed_at(n, at)}
        yield "traffic_flow_observed", event(f"segment-{n:02}", at, place(n, 0.045), "test-traffic", **more)
    for line in range(3):
        for stop in range(5):
            about = {
                "line_id": f"L{line + 1}",
                "trip_id": f"{line}-{at:%H%M}",
                "direction_id": 0,
                "stop_sequence": stop,
            }
            more = {**about, "stop_id": f"stop-{line}-{stop}", "stop_status": "stopped_at", "speed_km_per_h": 0.0}
            when = at + timedelta(minutes=stop)
            yield "vehicle_position", event(f"bus-{line}", when, stop_place(line, stop), "test-buses", **more)


def occupied(n: int, at: datetime) -> int:
    return round(400 * min(1.0, max(0.05, 0.55 + 0.4 * day(at, 11 + n % 4) + 0.02 * n)))


def bikes_at(n: int, at: datetime) -> int:
    return max(0, min(20, round(10 + 10 * day(at, (n * 5) % 24))))


def speed_at(n: int, at: datetime) -> float:
    return 38 - 22 * max(0.0, day(at, 7.5 if n % 2 else 17)) - n * 0.5


def windows(at: datetime) -> Iterator[tuple[str, Document]]:
    """The figures of a quarter of an hour."""
    for n in range(10):
        taken = occupied(n, at)
        counts = {"total_spaces": 400, "occupied_spaces": taken, "free_spaces": 400 - taken}
        about = {"area_type": "site", "basis": "counts", "name": f"Parking {n + 1}", "zone_id": f"zone-{n % 3}"}
        more = {"occupancy_ratio": taken / 400, "arrivals_count": 10 + n, "departures_count": 9, "parts_count": 1}
        flags = ["over_capacity"] if n == 9 and taken == 400 else []
        for step in range(3):
            start = at + timedelta(minutes=5 * step)
            seen = {"flags": flags, "observations_count": int(step == 0), "mean_stay_seconds": 3600.0 + 300 * n}
            figures = {**counts, **about, **more, **seen}
            yield "parking_occupancy", result(f"parking-{n:02}", start, 5, place(n, 0.03), **figures)
    for n in range(16):
        speed = speed_at(n, at)
        level = LEVELS[min(5, int((50 - speed) / 7))]
        more = {"mean_speed_km_per_h": speed, "free_flow_speed_km_per_h": 50.0, "travel_time_index": 50 / speed}
        for step in range(3):
            start = at + timedelta(minutes=5 * step)
            seen = {"observed_seconds": 300.0, "observations_count": int(step == 0)}
            figures = {**more, **seen, "level_of_service": level, "vehicles_count": 40, "vehicles_per_hour": 480.0}
            where = place(n, 0.045)
            yield "traffic_by_segment", result(f"segment-{n:02}", start, 5, where, **figures)
    for n in range(12):
        bikes = bikes_at(n, at)
        more = {"capacity": 20, "mean_bikes_available": float(bikes), "mean_docks_available": 20.0 - bikes}
        shares = {"bike_availability_ratio": float(bikes > 0), "dock_availability_ratio": float(bikes < 20)}
        about = {"name": f"Station vélo {n + 1}", "imbalance_ratio": bikes / 10 - 1}
        yield "bike_availability", result(f"bikes-{n:02}", at, 15, place(n + 5, 0.025), **more, **shares, **about)


def nights(hour: datetime) -> Iterator[tuple[str, Document]]:
    start = (hour - timedelta(days=1)).replace(hour=12)
    for n in range(12):
        lowest = 21.5 - n * 0.4
        more = {"night_of": f"{start:%Y-%m-%d}", "min_temperature_celsius": lowest, "is_tropical_night": lowest >= 20}
        figures = {"mean_intensity_celsius": 2.4 - n * 0.2, "degree_hours": max(0.0, 24.0 - 2 * n), "hours_count": 10}
        yield (
            "heat_island_nightly",
            result(f"station-{n:02}", start, 1440, place(n, 0.05), **more, **figures, rejected_count=0),
        )
