"""Real payloads, whose counts are known; they stand beside the project, and not everywhere."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.formats import chirpstack, csv_records, datex2_parking, gbfs, gtfs_rt, json_records
from connectors.formats._codecs import codec, codecs
from connectors.model import NO_REFERENCE, Payload, Reason, Rejected
from tests.connectors.formats.sampling import NOW, both, payload


def load(path: Path) -> Payload:
    return Payload(path.read_bytes(), path.name, NOW)


@pytest.mark.parametrize(
    ("city", "good", "bad", "states"), [("aachen", 15, 2, 17), ("friedrichshafen-sensors", 55, 0, 55)]
)
def test_datex2_parking_has_its_known_counts(shared_data: Path, city: str, good: int, bad: int, states: int) -> None:
    folder, options = shared_data / "parkapi_feeds", datex2_parking.Options(kind="datex2_parking")
    table = load(folder / f"{city}-static.xml")

    entries = list(datex2_parking.read_entries(table, options))
    reference = datex2_parking.read_reference(table, options)
    records, rejected = both(datex2_parking.decode(load(folder / f"{city}-realtime.xml"), options, reference))

    assert (len([e for e in entries if not isinstance(e, Rejected)]), len(entries)) == (good, good + bad)
    assert (len(records), rejected) == (states, [])
    assert all({"name", "location", "total_spaces", "opening_status"} <= r.values.keys() for r in records)
    for values in (r.values for r in records):
        assert values["occupied_spaces"] + values["free_spaces"] == values["total_spaces"]


@pytest.mark.parametrize(
    ("version", "at"), [("v2.3", "2021-01-05T17:02:05+00:00"), ("v3.0", "2024-03-21T09:25:53.343000+00:00")]
)
def test_gbfs_has_its_two_stations(shared_data: Path, version: str, at: str) -> None:
    folder, options = shared_data / "gbfs" / version, gbfs.Options(kind="gbfs", language="en")
    reference = gbfs.read_reference(load(folder / "station_information.json"), options)

    records, rejected = both(gbfs.decode(load(folder / "station_status.json"), options, reference))

    assert rejected == []
    assert [(r.entity_id, r.values["bikes_available"], r.values["docks_available"]) for r in records] == [
        ("station1", 1, 3),
        ("station2", 6, 8),
    ]
    assert records[0].observed_at.isoformat() == at
    assert [r.values["name"] for r in records] == ["Parking garage A", "SE Belmont & SE 10th"]


def test_gtfs_realtime_has_its_ten_vehicles(shared_data: Path) -> None:
    options = gtfs_rt.Options(kind="gtfs_rt")
    reference = gtfs_rt.read_reference(load(shared_data / "gtfs" / "bullrunner-gtfs.zip"), options)

    records, rejected = both(
        gtfs_rt.decode(load(shared_data / "gtfs" / "bullrunner-vehicle-positions"), options, reference)
    )

    assert (len(records), rejected) == (10, [])
    assert {r.observed_at for r in records} == {datetime.fromtimestamp(1505314375, UTC)}
    assert {r.values["line_id"] for r in records} == set("ABCDEF")
    assert len(reference) == 15
    assert reference["trip:1"]["trip"].zone.key == "America/New_York"


def test_of_the_chirpstack_events_only_the_uplink_is_an_observation(shared_data: Path) -> None:
    layout = {"fields": [{"name": "t", "type": "uint8", "scale": 0.1, "to": "temperature_celsius"}]}
    declared = {"kind": "chirpstack", "event": "weather_observed", "codec": layout}
    options = chirpstack.Options.model_validate(declared)
    files = sorted((shared_data / "lorawan").glob("chirpstack_v4_*.json"))

    found = {f.stem: both(chirpstack.decode(load(f), options, NO_REFERENCE)) for f in files}

    assert len(found) == 8
    (record,), _ = found.pop("chirpstack_v4_up")
    assert (record.entity_id, record.values) == ("0101010101010101", {"temperature_celsius": 17.0})
    assert record.observed_at == datetime(2022, 7, 18, 9, 34, 15, 775023, UTC)
    assert set(map(repr, found.values())) == {"([], [])"}


#: What the vectors call a quantity, and in which unit a layout gives it.
DECENTLAB = {
    "temperature": ("Air temperature", "Air temperature (radiation shield)"),
    "humidity": ("Relative humidity", "Air humidity", "Air humidity (radiation shield)"),
    "pressure": ("Atmospheric pressure", "Barometric pressure"),
    "precipitation": ("Precipitation",),
    "wind_speed": ("Wind speed",),
    "wind_gust": ("Maximum wind speed",),
    "wind_direction": ("Wind direction",),
}


def test_decentlab_frames_give_the_weather_of_their_vectors(shared_data: Path) -> None:
    lines = (shared_data / "lorawan" / "decentlab_vectors.jsonl").read_text(encoding="utf-8").splitlines()
    vectors = [v for v in map(json.loads, lines) if f"decentlab/{v['device']}" in codecs()]
    compared = 0

    for vector in vectors:
        found = codec(f"decentlab/{vector['device']}").decode(bytes.fromhex(vector["hex"]))
        known = {n: v["value"] for n, v in vector["decoded"].items() if isinstance(v, dict)}
        for name, labels in DECENTLAB.items():
            wanted = next((known[label] for label in reversed(labels) if label in known), None)
            assert found.get(name) == (None if wanted is None else pytest.approx(wanted, rel=1e-12)), vector["device"]
            compared += wanted is not None

    assert (len(vectors), compared) == (15, 41)


def test_the_raw_frame_of_toulouse_gives_all_its_published_values(shared_data: Path) -> None:
    sample = json.loads((shared_data / "toulouse_meteo" / "sample_raw_frame.json").read_text(encoding="utf-8"))
    declared = {"kind": "chirpstack", "event": "weather_observed", "codec": "toulouse/raw"}
    body = {
        "time": sample["heure_de_paris"],
        "deviceInfo": {"devEui": "14"},
        "fPort": 1,
        "data": b64encode(bytes.fromhex(sample["data"])).decode(),
    }

    raw = codec("toulouse/raw").decode(bytes.fromhex(sample["data"]))
    (record,), _ = both(
        chirpstack.decode(
            payload(json.dumps(body), "x/event/up"), chirpstack.Options.model_validate(declared), NO_REFERENCE
        )
    )

    assert raw == {
        "station": sample["id"],
        "year": 2030,
        "month": 5,
        "day": 4,
        "message": sample["numero_de_message"],
        "temperature": sample["temperature_en_degre_c"],
        "humidity": sample["humidite"],
        "rain": sample["pluie"],
        "wind_direction": sample["direction_du_vecteur_vent_moyen"],
        "wind_speed": sample["force_moyenne_du_vecteur_vent"],
        "pressure": sample["pression"] / 100,
        "gust_direction": sample["direction_du_vecteur_de_vent_max_en_degres"],
        "wind_gust": sample["force_rafale_max"],
        "rain_in_a_minute": sample["pluie_intensite_max"],
        "station_type": sample["type_station"],
    }
    assert record.values["relative_humidity_ratio"] == 0.94
    assert record.values["wind_speed_m_per_s"] == pytest.approx(23 / 3.6)


BASEL = {
    "entity_id": "id2",
    "observed_at": "published",
    "location": {"point": "geo_point_2d"},
    "fields": {"name": "name", "total_spaces": "total", "free_spaces": "free"},
}
HEIDELBERG = {
    "entity_id": "id",
    "observed_at": "observationDateTime.value",
    "location": {"lat": "lat.value", "lon": "lon.value"},
    "fields": {
        "name": "staticName.value",
        "total_spaces": "totalSpotNumber.value",
        "free_spaces": {"from": "availableSpotNumber.value", "null_below": 0},
        "occupied_spaces": "occupiedSpotNumber.value",
    },
}
KARLSRUHE = {
    "records": "features",
    "entity_id": "properties.id",
    "observed_at": "properties.stand_freieparkplaetze",
    "location": {"point": "geometry"},
    "fields": {
        "name": "properties.parkhaus_name",
        "total_spaces": "properties.gesamte_parkplaetze",
        "free_spaces": "properties.freie_parkplaetze",
        "opening_status": {"from": "properties.geschlossen", "values": {"F": "open", "T": "closed"}},
    },
}


@pytest.mark.parametrize(
    ("city", "declared", "good", "bad", "placed", "counted"),
    [
        ("basel", BASEL, 16, 1, 16, 16),  # one line says only that there is no data
        ("heidelberg", HEIDELBERG, 25, 0, 22, 22),  # one has -8 free spaces, two say nothing of them
        ("karlsruhe", KARLSRUHE, 39, 51, 39, 39),  # more than half send no counts
    ],
)
def test_json_of_car_parks_is_read_by_a_declared_mapping(
    shared_data: Path, city: str, declared: dict[str, Any], good: int, bad: int, placed: int, counted: int
) -> None:
    base = {"kind": "json_records", "event": "parking_observed", "constants": {"area_type": "site"}}
    options = json_records.Options.model_validate({**base, **declared})
    body = load(shared_data / "parkapi_feeds" / f"{city}.json")

    records, rejected = both(json_records.decode(body, options, NO_REFERENCE))

    assert (len(records), len(rejected)) == (good, bad)
    assert {r.reason for r in rejected} <= {Reason.MISSING_FIELD}
    assert len([r for r in records if "location" in r.values]) == placed
    assert len([r for r in records if "free_spaces" in r.values]) == counted


def test_csv_of_car_parks_is_read_by_a_declared_mapping(shared_data: Path) -> None:
    declared = {
        "kind": "csv_records",
        "event": "parking_observed",
        "entity_id": "pls_id",
        "observed_at": {"from": "b_pls_zeit", "format": "%Y-%m-%d-%H.%M.%S.%f", "timezone": "Europe/Berlin"},
        "location": {"point": "WKT"},
        "constants": {"area_type": "site"},
        "fields": {
            "name": "bez",
            "total_spaces": "kapazitaet",
            "free_spaces": "b_pls_rest",
            "opening_status": {"from": "b_pls_status", "values": {"FREI": "open", "GESCHLOSSEN": "closed"}},
        },
    }
    options = csv_records.Options.model_validate(declared)

    records, rejected = both(
        csv_records.decode(load(shared_data / "parkapi_feeds" / "bielefeld.csv"), options, NO_REFERENCE)
    )

    assert (len(records), len(rejected)) == (21, 832)
    assert {r.values["opening_status"] for r in records} == {"open", "closed"}
    assert {r.observed_at for r in records} == {datetime(2026, 2, 6, 7, 35, tzinfo=UTC)}
