"""An hour or two of a small town from a seed, for each event: with gaps, nulls, flags and wrong counts."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from tests.jobs.mobility.frames import Event, at, event

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def of(name: str, seed: int = 7) -> list[Event]:
    """Events of a contract in the order of time, of two communes."""
    rng = random.Random(seed)
    every = list(MAKERS[name](rng))
    return every + [e | {"tenant": "blagnac"} for e in every[::5]]


def mixed(events: list[Event], seed: int = 3) -> list[Event]:
    """The same in another order; some twice, some taken in again later."""
    rng = random.Random(seed)
    again = [e if rng.random() < 0.5 else _taken_in_later(e) for e in events if rng.random() < 0.3]
    return rng.sample(events + again, len(events) + len(again))


def with_known_ingestion(events: list[Event]) -> list[Event]:
    """The events as they are in the end: each as it was taken in last."""
    last: dict[tuple[str, str, datetime], Event] = {}
    for e in sorted(events, key=lambda e: e["ingested_at"]):
        last[e["tenant"], e["entity_id"], e["observed_at"]] = e
    return list(last.values())


def _taken_in_later(e: Event) -> Event:
    return e | {"ingested_at": e["ingested_at"] + 2 * MINUTE}


def _sites(rng: random.Random) -> Iterator[Event]:
    inside = {s: rng.randrange(40, 70) for s in range(5)}
    for minute in range(30):
        for s in range(5):
            arrivals, departures = rng.randrange(5), rng.randrange(4)
            inside[s] = max(0, inside[s] + arrivals - departures)
            if rng.random() < 0.15 or (s == 4 and 8 < minute < 17):
                continue
            yield event(
                f"site-{s}",
                at("10:00") + minute * MINUTE + rng.randrange(50) * SECOND,
                area_type="zone" if s == 3 else "site",
                zone_id=None if s == 2 else "site-3" if s == 4 else "zone",
                name=f"Site {s}",
                location={"lat": 43.6 + s / 70, "lon": 1.4 + s / 90} if s else None,
                total_spaces=None if s == 1 and minute < 12 else 60,
                occupied_spaces=None if rng.random() < 0.2 else inside[s],
                free_spaces=max(0, 60 - inside[s]) if rng.random() < 0.4 else None,
                arrivals_count=arrivals if s in (0, 3) and rng.random() < 0.9 else None,
                departures_count=departures if s in (0, 3) else None,
                counting_interval_seconds=60.0 if s in (0, 3) else None,
                opening_status=rng.choice([None, "open", "closed"]),
                flags=["frozen"] if rng.random() < 0.1 else [],
            )


def _spots(rng: random.Random) -> Iterator[Event]:
    for s in range(14):
        tells = s % 7 != 0  # the others do not say since when
        status, since, stay = "free", at("09:20"), 900.0
        for second in range(0, 4200, 20):
            now = at("09:30") + second * SECOND
            changes = rng.random() < 0.015
            if changes:
                stay, since = (now - since).total_seconds(), now
                status = "occupied" if status == "free" else "free"
            if (changes and rng.random() < 0.8) or (second + 97 * s) % 1200 < 20:
                yield event(
                    f"spot-{s:02}",
                    now + rng.randrange(15) * SECOND,
                    site_id=f"street-{s % 3}",
                    zone_id="zone" if s < 10 else None,
                    status="unknown" if rng.random() < 0.03 else status,
                    status_since=since if tells else None,
                    previous_status_seconds=stay + 1 / 3 if tells and rng.random() < 0.9 else None,
                    site_spaces=5,
                    zone_spaces=None if s % 2 else 12,
                    location={"lat": 43.6 + s / 7000, "lon": 1.44} if s % 4 else None,
                    flags=["low_battery"] if rng.random() < 0.05 else [],
                )


def _traffic(rng: random.Random) -> Iterator[Event]:
    for minute in range(25):
        for s in range(4):
            vehicles = rng.choice([None, 0, rng.randrange(40), rng.randrange(40)])
            if rng.random() < 0.85:
                yield event(
                    f"segment-{s}",
                    at("10:00") + minute * MINUTE,
                    intensity_vehicles=vehicles,
                    period_seconds=60.0 if s else 90.5,
                    average_speed_km_per_h=rng.uniform(3, 60) if rng.random() < 0.8 else None,
                    free_flow_speed_km_per_h=None if s == 1 else 50.0,
                    location={"lat": 43.6, "lon": 1.4 + s / 30} if s else None,
                    flags=["suspect"] if rng.random() < 0.1 else [],
                )


def _vehicles(rng: random.Random) -> Iterator[Event]:
    for bus in range(18):
        due = at("08:55") + bus * 9 * MINUTE
        begin = due + rng.randrange(900) * SECOND
        for n in range(rng.randrange(1, 5)):
            yield event(
                f"bus-{bus % 6}",
                begin + n * 20 * SECOND,
                line_id="L1",
                trip_id=None if bus % 7 == 6 else f"trip-{bus}",
                direction_id=None if bus % 5 == 4 else bus % 2,
                stop_id="capitole",
                stop_sequence=4,
                stop_status=rng.choice(["stopped_at", "stopped_at", "incoming_at"]),
                scheduled_at=None if bus == 11 else due,
                location={"lat": 43.6 + n / 9000, "lon": 1.44},
                flags=["off_route"] if rng.random() < 0.1 else [],
            )


def _bikes(rng: random.Random) -> Iterator[Event]:
    for minute in range(0, 60, 3):
        for s in range(4):
            if rng.random() < 0.8:
                yield event(
                    f"station-{s}",
                    at("10:00") + minute * MINUTE,
                    name=f"Station {s}",
                    capacity=None if s == 1 else 20,
                    bikes_available=rng.choice([None, 0, rng.randrange(20), rng.randrange(20)]),
                    docks_available=rng.choice([None, 0, rng.randrange(20)]),
                    is_installed=None if s == 2 else rng.random() < 0.9,
                    is_renting=rng.choice([None, True, False]),
                    is_returning=True,
                    location={"lat": 43.6, "lon": 1.4 + s / 30},
                )


MAKERS: dict[str, Callable[[random.Random], Iterator[Event]]] = {
    "parking_observed": _sites,
    "parking_spot_observed": _spots,
    "traffic_flow_observed": _traffic,
    "vehicle_position": _vehicles,
    "bike_station_observed": _bikes,
}
