"""Events of a small city over some hours, from a seed: for tests that need all the topics filled."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from confluent_kafka import Producer

from jobs.engine.context import Context
from runtime.avro import encoder
from schemas import contract

START = datetime(2026, 7, 14, 19, tzinfo=UTC)  # an evening: nights have figures too
HOURS = 5
Event = dict[str, Any]


def events(seed: int, tenant: str) -> dict[str, list[Event]]:
    """Events by contract, in the order of their time."""
    rng = random.Random(seed)
    return {
        name: [_common(name, tenant, e) for e in make(rng)]
        for name, make in (
            ("weather_observed", _weather),
            ("parking_observed", _parking),
            ("parking_spot_observed", _spots),
            ("traffic_flow_observed", _traffic),
            ("vehicle_position", _vehicles),
            ("bike_station_observed", _bikes),
        )
    }


def disordered(rng: random.Random, ordered: list[Event], within: timedelta, repeats: float) -> list[Event]:
    """The events in the order of an arrival delayed by up to ``within``, some of them more than once."""
    every = ordered + [_again(rng, e) for e in ordered if rng.random() < repeats]
    return sorted(every, key=lambda e: e["observed_at"] + within * rng.random())


def produce(context: Context, name: str, every: list[Event]) -> None:
    """Send events to their topic, and wait until Kafka has them."""
    c = contract(name)
    encode = encoder(c, context.registry.register(c))
    producer = Producer({"bootstrap.servers": context.endpoints.kafka_bootstrap, "enable.idempotence": True})
    for e in every:
        producer.produce(c.topic, encode(e), f"{e['tenant']}/{e['entity_id']}".encode())
        producer.poll(0)
    assert producer.flush(60) == 0


def said(name: str, every: Iterable[Event]) -> Iterator[dict[str, Any]]:
    """What a connector says in the ledger of events of a contract that it accepted."""
    hours = Counter(
        (e["tenant"], e["feed"], e["observed_at"].replace(minute=0, second=0, microsecond=0)) for e in every
    )
    for (tenant, feed, hour), count in hours.items():
        for outcome in ("received", "accepted"):
            yield {
                "tenant": tenant,
                "counter": feed,
                "counted_by": "source",
                "event": name,
                "hour": hour,
                "outcome": outcome,
                "reason": "",
                "records_count": count,
                "counted_at": datetime.now(UTC),
            }


def _again(rng: random.Random, event: Event) -> Event:
    """The same message, or the same observation taken in by a later poll."""
    return event if rng.random() < 0.5 else {**event, "ingested_at": event["ingested_at"] + timedelta(minutes=2)}


def _common(name: str, tenant: str, event: Event) -> Event:
    return {
        "tenant": tenant,
        "ingested_at": event["observed_at"] + timedelta(seconds=3),
        "feed": name,
        "location": {"lat": 43.6 + hash_share(event["entity_id"]) * 0.05, "lon": 1.44},
        "flags": [],
        **event,
    }


def hash_share(text: str) -> float:
    """A share (0–1) that depends on a text alone."""
    return (sum(text.encode()) * 7919 % 1000) / 1000


def _times(minutes: float) -> Iterator[datetime]:
    for n in range(int(HOURS * 60 / minutes)):
        yield START + timedelta(minutes=n * minutes)


def _weather(rng: random.Random) -> Iterator[Event]:
    for t in _times(15):
        for s in range(12):
            spike = 30 if rng.random() < 0.01 else 0
            yield {
                "entity_id": f"station-{s}",
                "observed_at": t,
                "temperature_celsius": 22 + s * 0.2 + rng.gauss(0, 0.1) + spike,
                "relative_humidity_ratio": 0.5,
                "elevation_m": 150.0 + s,
                "is_rural_reference": s < 3,
                "local_climate_zone": "D" if s < 3 else "2",
            }


def _parking(rng: random.Random) -> Iterator[Event]:
    inside = [rng.randrange(50) for _ in range(6)]
    for t in _times(1):
        for s in range(6):
            arrivals, departures = rng.randrange(4), rng.randrange(4)
            departures = min(departures, inside[s] + arrivals)
            inside[s] += arrivals - departures
            counted = {"arrivals_count": arrivals, "departures_count": departures, "counting_interval_seconds": 60.0}
            yield {
                "entity_id": f"site-{s}",
                "observed_at": t,
                "area_type": "site",
                "zone_id": f"zone-{s % 2}",
                "total_spaces": 60,
                "occupied_spaces": inside[s],
                "free_spaces": max(0, 60 - inside[s]),
                **(counted if s < 3 else {}),
            }


def _spots(rng: random.Random) -> Iterator[Event]:
    since = [START - timedelta(minutes=30)] * 20
    before = [600.0] * 20
    taken = [False] * 20
    for t in _times(1):
        for s in range(20):
            changed = rng.random() < 0.03
            if changed:
                taken[s], since[s], before[s] = not taken[s], t, (t - since[s]).total_seconds()
            if changed or (t.minute + s) % 20 == 0:
                yield {
                    "entity_id": f"spot-{s}",
                    "observed_at": t,
                    "site_id": f"street-{s % 4}",
                    "zone_id": f"zone-{s % 2}",
                    "status": "occupied" if taken[s] else "free",
                    "status_since": since[s],
                    "previous_status_seconds": before[s],
                    "site_spaces": 5,
                    "zone_spaces": 10,
                }


def _traffic(rng: random.Random) -> Iterator[Event]:
    for t in _times(1):
        for s in range(8):
            vehicles = rng.randrange(30)
            yield {
                "entity_id": f"segment-{s}",
                "observed_at": t,
                "intensity_vehicles": vehicles,
                "period_seconds": 60.0,
                "average_speed_km_per_h": rng.uniform(10, 50) if vehicles else None,
                "free_flow_speed_km_per_h": 50.0,
            }


def _vehicles(rng: random.Random) -> Iterator[Event]:
    for n in range(HOURS * 6):
        start = START + timedelta(minutes=n * 10)
        delay = timedelta(seconds=30 * rng.randrange(12))
        for stop in range(4):
            scheduled = start + timedelta(minutes=stop * 5)
            for dwell in range(2):
                yield {
                    "entity_id": f"bus-{n % 5}",
                    "observed_at": scheduled + delay + timedelta(seconds=30 * dwell),
                    "line_id": "L1",
                    "trip_id": f"trip-{n}",
                    "direction_id": 0,
                    "stop_id": f"stop-{stop}",
                    "stop_sequence": stop,
                    "stop_status": "stopped_at",
                    "scheduled_at": scheduled,
                }


def _bikes(rng: random.Random) -> Iterator[Event]:
    for t in _times(5):
        for s in range(5):
            bikes = rng.randrange(21)
            yield {
                "entity_id": f"bikes-{s}",
                "observed_at": t,
                "capacity": 20,
                "bikes_available": bikes,
                "docks_available": 20 - bikes,
                "is_installed": True,
                "is_renting": True,
                "is_returning": True,
            }
