"""What the city says, read by the demo's feeds: as many records as it says it sent, with the values that are true."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from connectors.acceptance import Acceptance, Event
from connectors.feed import Feed, load_feeds
from connectors.formats import chirpstack, csv_records, datex2_parking, gbfs, gtfs_rt, opendatasoft
from connectors.model import NO_REFERENCE, Payload, Reference, Rejected
from runtime.settings import PROJECT
from schemas import contract
from simulator.city import City
from simulator.faults import Faults
from simulator.local_time import HOUR
from simulator.offer import Offer, offer_of
from simulator.sizes import SMALL
from simulator.source import Counts

NOON = int(datetime(2026, 7, 14, 12, tzinfo=UTC).timestamp())
LATER = datetime(2026, 7, 14, 18, tzinfo=UTC)
FAULTS = Faults(duplicate_rate=0.1, broken_rate=0.1, disorder_rate=0.1, spike_rate=0.5, spiky_stations=(2,))
FORMATS: dict[str, Any] = {
    "chirpstack": chirpstack,
    "csv_records": csv_records,
    "datex2_parking": datex2_parking,
    "gbfs": gbfs,
    "gtfs_rt": gtfs_rt,
    "opendatasoft": opendatasoft,
}


@pytest.fixture(scope="module")
def feeds() -> dict[str, Feed]:
    variables = {"GARONNE_SIMULATOR_URL": "http://127.0.0.1:1", "GARONNE_DROP_FOLDER": "drop"}
    return {f.id: f for f in load_feeds(PROJECT / "deploy" / "feeds" / "demo", variables)}


@pytest.fixture(scope="module")
def city() -> City:
    return City(5, SMALL)


@pytest.fixture(scope="module")
def offer(city: City) -> Offer:
    return offer_of(city)


def read(
    feed: Feed, payloads: Iterable[tuple[bytes, str]], described: bytes | None = None
) -> tuple[dict[tuple[str, int], Event], Counts]:
    """The distinct events of some payloads by entity and second, and how many records there were."""
    accept = Acceptance(feed, contract(feed.event))
    reference: Reference = NO_REFERENCE
    if described is not None and feed.reference is not None:
        there = Payload(described, "reference", LATER)
        reference = FORMATS[feed.reference.format.kind].read_reference(there, feed.reference.format)
    events: dict[tuple[str, int], Event] = {}
    records = broken = 0
    for body, place in payloads:
        for item in FORMATS[feed.format.kind].decode(Payload(body, place, LATER), feed.format, reference):
            judged = item if isinstance(item, Rejected) else accept(item, LATER)
            if isinstance(judged, Rejected):
                broken += 1
            else:
                records += 1
                events[judged["entity_id"], int(judged["observed_at"].timestamp())] = judged
    return events, Counts(len(events), records - len(events), broken)


def snapshots(offer: Offer, name: str, hours: float = 1) -> tuple[list[tuple[bytes, str]], Counts]:
    source = next(s for s in (*offer.polled, offer.traffic) if s.name == name)
    answers = [source.answer(t, FAULTS) for t in source.times(NOON, NOON + hours * HOUR)]
    return [(a.body, "http://city") for a in answers], sum((a.counts for a in answers), Counts())


def messages(offer: Offer, number: int) -> tuple[list[tuple[bytes, str]], Counts]:
    found, counts = offer.radio[number].published(NOON, NOON + HOUR, FAULTS)
    return [(m.payload, m.topic.decode()) for m in found], Counts(counts.good, counts.duplicate, counts.broken)


def test_every_source_has_a_feed(feeds: dict[str, Feed], offer: Offer) -> None:
    assert len(feeds) == len(offer.all)
    assert {f.event for f in feeds.values()} == set(offer.all.values())


@pytest.mark.parametrize("dialect", ["record", "table"])
def test_car_parks(feeds: dict[str, Feed], city: City, offer: Offer, dialect: str) -> None:
    source = offer.record_parking if dialect == "record" else offer.table_parking
    payloads, counts = snapshots(offer, f"parking_{dialect}")
    events, found = read(feeds[f"demo-parking-{dialect}"], payloads, source.sites(NOON))
    assert found == counts
    assert min(counts.good, counts.duplicate, counts.broken) > 0
    times = np.arange(NOON, NOON + HOUR, 60)
    states = city.parking.states(times)
    for (name, time), event in events.items():
        n, t = city.parking.ids.index(name), (time - NOON) // 60
        assert event["occupied_spaces"] == states.occupied[n, t]
        assert event["free_spaces"] == max(0, city.parking.capacity[n] - states.occupied[n, t])
        assert event["total_spaces"] == city.parking.capacity[n]
        assert (event["zone_id"], event["name"]) == (city.parking.zone_ids[n], city.parking.names[n])
        assert event["location"] == {"lat": city.parking.places.lat[n], "lon": city.parking.places.lon[n]}
        assert event["arrivals_count"] == (states.arrivals[n, t] if dialect == "record" else None)
        assert event["counting_interval_seconds"] == (60 if dialect == "record" else None)


def test_traffic(feeds: dict[str, Feed], city: City, offer: Offer) -> None:
    payloads, counts = snapshots(offer, "traffic")
    events, found = read(feeds["demo-traffic"], payloads)
    assert found == counts
    states = city.traffic.states(np.arange(NOON, NOON + HOUR, 60))
    for (name, time), event in events.items():
        n, t = city.traffic.ids.index(name), (time - NOON) // 60
        assert event["intensity_vehicles"] == states.vehicles[n, t]
        speed = states.speed_tenths[n, t] / 10 if states.vehicles[n, t] else None
        assert event["average_speed_km_per_h"] == speed
        assert event["occupancy_ratio"] == pytest.approx(states.occupancy_tenths[n, t] / 1000)
        assert event["location"]["lat"] == pytest.approx(city.traffic.places.lat[n], abs=1e-6)
        assert event["location"]["lon"] == pytest.approx(city.traffic.places.lon[n], abs=1e-6)
        assert (event["period_seconds"], event["lanes_count"]) == (60, city.traffic.lanes[n])


def test_buses(feeds: dict[str, Feed], city: City, offer: Offer) -> None:
    payloads, counts = snapshots(offer, "buses")
    events, found = read(feeds["demo-buses"], payloads, offer.buses.timetable(NOON))
    assert found == counts
    on_trips = [e for e in events.values() if e["trip_id"]]
    assert len(on_trips) > len(events) / 2
    first = next(e for e in on_trips if e["stop_status"] == "stopped_at")
    line = next(n for n in city.buses.lines if n.id == first["line_id"])
    runs = line.runs(first["direction_id"], first["observed_at"].date())
    trip, rank = int(first["trip_id"].rsplit("-", 1)[1]) - 1, first["stop_sequence"] - 1
    assert first["stop_id"] == line.stop_id(first["direction_id"], rank)
    assert first["scheduled_at"].timestamp() == runs.scheduled[trip, rank]
    assert runs.arrivals[trip, rank] <= first["observed_at"].timestamp() < runs.departures[trip, rank]
    assert all(e["scheduled_at"] for e in on_trips)


@pytest.mark.parametrize("version", ["3.0", "2.3"])
def test_bikes(feeds: dict[str, Feed], city: City, offer: Offer, version: str) -> None:
    payloads, counts = snapshots(offer, f"bikes_v{version[0]}", hours=6)
    events, found = read(feeds[f"demo-bikes-v{version[0]}"], payloads, offer.bikes[version].stations(NOON))
    assert found == counts
    states = city.bikes.states(np.arange(NOON, NOON + 6 * HOUR, 300))
    for (name, time), event in events.items():
        n, t = city.bikes.ids.index(name), (time - NOON) // 300
        assert (event["bikes_available"], event["docks_available"]) == (states.bikes[n, t], states.docks[n, t])
        assert (event["capacity"], event["name"]) == (city.bikes.capacity[n], city.bikes.names[n])
        assert event["is_renting"] is True


def test_weather_on_the_portal(feeds: dict[str, Feed], city: City, offer: Offer) -> None:
    payloads, counts = snapshots(offer, "weather_portal", hours=6)
    events, found = read(feeds["demo-weather-portal"], payloads, offer.portal.places())
    assert found == counts
    check_weather(city, events, tolerance=0.0501)


def test_weather_by_radio(feeds: dict[str, Feed], city: City, offer: Offer) -> None:
    payloads, counts = messages(offer, 0)
    events, found = read(feeds["demo-weather-radio"], payloads)
    assert found == counts
    usual = {k: e for k, e in events.items() if k[1] % 900 == 0}
    assert 0 < len(events) - len(usual) <= 4  # spikes
    check_weather(city, usual, tolerance=0.00501)
    rural = {e["entity_id"] for e in usual.values() if e["is_rural_reference"]}
    assert rural == {n for n, is_rural in zip(city.weather.ids, city.weather.is_rural, strict=True) if is_rural}


def check_weather(city: City, events: dict[tuple[str, int], Event], tolerance: float) -> None:
    times = sorted({time for _, time in events})
    said = city.weather.readings(np.array(times))
    for (name, time), event in events.items():
        n, t = city.weather.ids.index(name), times.index(time)
        assert event["temperature_celsius"] == pytest.approx(said.temperature_celsius[n, t], abs=tolerance)
        assert event["relative_humidity_ratio"] == pytest.approx(said.humidity_ratio[n, t], abs=0.0051)
        assert event["atmospheric_pressure_hpa"] == pytest.approx(said.pressure_hpa[n, t], abs=0.051)
        assert event["wind_speed_m_per_s"] == pytest.approx(said.wind_m_per_s[n, t], abs=0.15)
        assert event["local_climate_zone"] == city.weather.zones[n]
        assert event["elevation_m"] == city.weather.elevation_m[n]
        assert event["location"] == {"lat": city.weather.places.lat[n], "lon": city.weather.places.lon[n]}


def test_parking_spaces(feeds: dict[str, Feed], city: City, offer: Offer) -> None:
    payloads, counts = messages(offer, 1)
    events, found = read(feeds["demo-parking-spots"], payloads)
    assert found == counts
    for (name, time), event in events.items():
        n = city.spots.ids.index(name)
        occupied, since, previous = city.spots.state(np.array([n]), np.array([time]))
        assert event["status"] == ("occupied" if occupied[0] else "free")
        assert event["status_since"].timestamp() == since[0]
        assert event["previous_status_seconds"] == previous[0]
        zone = city.spots.zone[n]
        assert (event["zone_id"], event["zone_spaces"]) == (city.spots.zone_ids[zone], city.spots.zone_spaces[zone])
        assert (event["site_id"], event["site_spaces"]) == (city.spots.site_ids[n], city.spots.site_spaces[n])
