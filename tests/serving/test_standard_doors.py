"""What the standard doors derive from the contracts, and how they say what is wrong."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from google.transit.gtfs_realtime_pb2 import FeedMessage, VehiclePosition
from starlette.testclient import TestClient

from schemas import contracts
from serving.access.caller import anonymous
from serving.access.view import views
from serving.dialects import ETSI
from serving.doors.gbfs import files
from serving.doors.gtfs_realtime.feed import feed
from serving.doors.ngsi.types import MODELS, EntityType, attribute_name, entity_types
from serving.doors.ngsi.units import UNIT_CODES
from serving.queries import identity

EVERY = contracts().values()
VEHICLES = "/ngsi-ld/v1/entities?type=Vehicle"
NOW = datetime(2026, 7, 14, 12, tzinfo=UTC)
#: There is no code for a kelvin hour.
WITHOUT_CODE = {"K.h"}


def types() -> dict[str, EntityType]:
    return entity_types(EVERY, views(EVERY, anonymous("", 1), frozenset()))


def test_every_open_contract_is_a_type_with_names_of_its_own() -> None:
    assert {t.contract.name for t in types().values()} == {c.name for c in EVERY if c.declaration.sensitivity == "open"}
    for of in types().values():
        names = Counter(attribute_name(of.contract, f) for f in of.contract.fields)
        assert max(names.values()) == 1
        assert not {"id", "type", "@context"} & names.keys()
        assert of.place is None or attribute_name(of.contract, of.place) == "location"


def test_attributes_of_smart_data_models_are_in_their_schemas(shared_data: Path) -> None:
    """What is claimed to be a model's own word is one; shared words are in no model's own schema."""
    claimed = 0
    for of in types().values():
        model = of.contract.declaration.smart_data_model
        if model is None:
            continue
        assert of.iri == f"{MODELS}/dataModel.{model.subject}/{model.type}"
        samples = shared_data / "sdm" / f"dataModel.{model.subject}" / model.type
        known = "".join((samples / name).read_text() for name in ("schema.json", "example-normalized.jsonld"))
        for attribute in model.attributes.values():
            assert f'"{attribute}"' in known or of.attribute_iri(attribute) in ASSURED, attribute
            claimed += 1
    assert claimed > 20


#: In the definitions that the schema of weather refers to, which are not among the samples.
ASSURED = {f"{MODELS}/dataModel.Weather/gustSpeed"}


def test_every_unit_has_its_code() -> None:
    units = {f.unit for c in EVERY for f in c.fields if f.unit}
    assert units - UNIT_CODES.keys() == WITHOUT_CODE
    assert UNIT_CODES.keys() <= units


@pytest.mark.parametrize("entity", ["a", "a:b", "a|b", "é è", "100%", "a/b?c#d", "%3A", "urn:x:y"])
def test_an_entity_is_found_by_its_id(entity: str) -> None:
    of = types()["WeatherObserved"]
    urn = of.urn({"tenant": "toulouse", "entity_id": entity})
    assert urn.startswith("urn:ngsi-ld:WeatherObserved:toulouse:")
    assert urn.isascii()
    found = of.entity(urn)
    assert found == identity.same(of.now, of.key, {"tenant": "toulouse", "entity_id": entity})
    assert of.entity("urn:ngsi-ld:WeatherObserved:toulouse") is None


@pytest.mark.parametrize(
    ("path", "status", "name"),
    [
        ("/ngsi-ld/v1/entities", 400, "BadRequestData"),
        ("/ngsi-ld/v1/entities?type=Nothing", 404, "ResourceNotFound"),
        ("/ngsi-ld/v1/entities?type=DeadLetter", 404, "ResourceNotFound"),
        (f"{VEHICLES}&limit=x", 400, "BadRequestData"),
        (f"{VEHICLES}&nobody=1", 400, "BadRequestData"),
        (f"{VEHICLES}&q=speed>", 400, "BadRequestData"),
        (f"{VEHICLES}&attrs=nobody", 400, "BadRequestData"),
        (f"{VEHICLES}&options=nobody", 400, "BadRequestData"),
        (f"{VEHICLES}&georel=near", 400, "BadRequestData"),
        (f"{VEHICLES}&georel=near;maxDistance==x&geometry=Point&coordinates=[1,2]", 400, "BadRequestData"),
        (f"{VEHICLES}&georel=within&geometry=Polygon&coordinates=[1,2]", 400, "BadRequestData"),
        (f"{VEHICLES}&georel=within&geometry=Polygon&coordinates=[[[1e999,2]]]", 400, "BadRequestData"),
        ("/ngsi-ld/v1/temporal/entities?type=Vehicle&timerel=before", 400, "BadRequestData"),
        ("/ngsi-ld/v1/temporal/entities?type=Vehicle&timerel=between&timeAt=2026-01-01", 400, "BadRequestData"),
        ("/ngsi-ld/v1/temporal/entities?type=Vehicle&timerel=after&timeAt=soon", 400, "BadRequestData"),
        ("/ngsi-ld/v1/temporal/entities?type=Vehicle&lastN=0", 400, "BadRequestData"),
        ("/ngsi-ld/v1/entities/urn:ngsi-ld:Nothing:a", 404, "ResourceNotFound"),
        ("/ngsi-ld/v1/types/Nothing", 404, "ResourceNotFound"),
        ("/ngsi-ld/v1/nothing", 404, "ResourceNotFound"),
    ],
)  # fmt: skip
def test_ngsi_ld_says_what_is_wrong_in_its_words(alone: TestClient, path: str, status: int, name: str) -> None:
    answer = alone.get(path)
    assert (answer.status_code, answer.json()["type"], answer.json()["status"]) == (status, ETSI + name, status)
    assert answer.json()["detail"]
    assert alone.post(path.partition("?")[0]).status_code in (404, 405)


@pytest.mark.parametrize(
    "path",
    [
        "/gbfs/nobody/3.0/nothing.json",
        "/gbfs/manifest.json?x=1",
        "/gtfs-realtime/vehicle-positions.pb?max_age_seconds=0",
    ],
)
def test_the_feeds_refuse_what_they_do_not_know(alone: TestClient, path: str) -> None:
    assert alone.get(path).status_code == 422


VEHICLE: dict[str, Any] = {
    "tenant": "toulouse", "entity_id": "bus-1", "observed_at": "2026-07-14T11:59:30.250000+00:00",
    "location": {"lat": 43.6, "lon": 1.44}, "line_id": "L1", "trip_id": "t1", "direction_id": 0, "stop_id": "s1",
    "stop_sequence": 0, "stop_status": "incoming_at", "speed_km_per_h": 36.0, "bearing_degrees": 0.0,
}  # fmt: skip


def test_a_position_is_told_with_zero_as_a_value_and_unknown_as_nothing() -> None:
    hidden = {name: VEHICLE[name] for name in ("tenant", "entity_id", "observed_at")}
    unknown = {**dict.fromkeys(VEHICLE), "tenant": "balma", "entity_id": "x", "observed_at": VEHICLE["observed_at"]}
    found = FeedMessage.FromString(feed([VEHICLE, unknown], NOW))
    assert (found.header.gtfs_realtime_version, found.header.timestamp) == ("2.0", int(NOW.timestamp()))
    first, second = (e.vehicle for e in found.entity)
    assert [e.id for e in found.entity] == ["toulouse|bus-1", "balma|x"]
    assert (first.trip.direction_id, first.trip.HasField("direction_id")) == (0, True)
    assert (first.current_stop_sequence, first.HasField("current_stop_sequence")) == (0, True)
    assert (first.position.speed, first.position.bearing, first.position.HasField("bearing")) == (10.0, 0.0, True)
    assert first.current_status == VehiclePosition.INCOMING_AT
    assert (second.HasField("position"), second.HasField("current_status"), second.HasField("trip")) == (False,) * 3
    assert FeedMessage.FromString(feed([hidden], NOW)).entity[0].vehicle.ListFields()[0][0].name == "timestamp"
    assert second.timestamp == int(datetime(2026, 7, 14, 11, 59, 30, tzinfo=UTC).timestamp())


STATION: dict[str, Any] = {
    "tenant": "toulouse", "entity_id": "7", "observed_at": "2026-07-14T11:59:30.250000+00:00",
    "location": {"lat": 43.6, "lon": 1.44}, "name": "Capitole", "capacity": 20, "bikes_available": 0,
    "docks_available": 20, "bikes_disabled": None, "docks_disabled": 0,
    "is_installed": True, "is_renting": True, "is_returning": False,
}  # fmt: skip


def test_a_station_of_which_too_little_is_known_is_not_published() -> None:
    incomplete = [{**STATION, name: None} for name in files.REQUIRED]
    assert files.published([STATION, *incomplete]) == [STATION]
    assert files.published([{n: v for n, v in STATION.items() if n != "is_renting"}]) == []
    bare = {n: STATION[n] for n in ("entity_id", "observed_at", *files.REQUIRED)}
    assert files.station_information([bare])["stations"][0]["name"][0]["text"] == "7"
    assert "num_docks_available" not in files.station_status([bare])["stations"][0]
    assert files.published([{**STATION, "name": None, "capacity": None, "docks_available": None}])


def gbfs_files() -> dict[str, dict[str, Any]]:
    content = {
        "manifest": files.manifest({"toulouse": "http://x/gbfs.json"}),
        "gbfs": files.discovery({name: f"http://x/{name}.json" for name in files.FILES}),
        "system_information": files.system_information("toulouse", "a@b.fr", "Europe/Paris"),
        "station_information": files.station_information([STATION]),
        "station_status": files.station_status([STATION]),
    }
    return {name: files.file(data, NOW) for name, data in content.items()}


def test_the_files_of_a_system_keep_the_rules_of_gbfs() -> None:
    for name, found in gbfs_files().items():
        require_gbfs(name, found)


def test_the_files_of_a_system_are_valid_by_the_schemas_of_gbfs(shared_data: Path) -> None:
    schemas = {p.stem: json.loads(p.read_text()) for p in (shared_data / "gbfs" / "schema_v3.0").glob("*.json")}
    checked = [name for name in gbfs_files() if name in schemas]
    for name in checked:
        jsonschema_rs.validator_for(schemas[name], validate_formats=True).validate(gbfs_files()[name])
    assert len(checked) >= 3


def require_gbfs(name: str, found: dict[str, Any]) -> None:
    """The rules of GBFS 3.0 for a file, as its JSON schemas have them."""
    assert found.keys() == {"last_updated", "ttl", "version", "data"}
    require_time(found["last_updated"])
    assert (type(found["ttl"]), found["ttl"] >= 0, found["version"]) == (int, True, "3.0")
    RULES[name](found["data"])


def require_time(text: str) -> None:
    assert datetime.fromisoformat(text).tzinfo is not None
    assert "T" in text


def require_said(found: Any) -> None:
    assert found
    assert all(type(x["text"]) is str and x["language"].islower() for x in found)


def _gbfs(data: Any) -> None:
    names = [f["name"] for f in data["feeds"]]
    assert len(set(names)) == len(names)
    assert {"system_information", "station_information", "station_status"} == set(names)
    assert all(f["url"].startswith("http") for f in data["feeds"])


def _manifest(data: Any) -> None:
    for system in data["datasets"]:
        assert type(system["system_id"]) is str
        assert all({"version", "url"} == v.keys() for v in system["versions"])


def _system(data: Any) -> None:
    required = {"system_id", "languages", "name", "opening_hours", "feed_contact_email", "timezone"}
    assert required <= data.keys()
    require_said(data["name"])
    assert "@" in data["feed_contact_email"]


def _information(data: Any) -> None:
    for station in data["stations"]:
        assert type(station["station_id"]) is str
        require_said(station["name"])
        assert -90 <= station["lat"] <= 90
        assert -180 <= station["lon"] <= 180
        assert station.get("capacity", 0) >= 0


def _status(data: Any) -> None:
    for station in data["stations"]:
        assert type(station["station_id"]) is str
        require_time(station["last_reported"])
        assert all(type(station[n]) is bool for n in ("is_installed", "is_renting", "is_returning"))
        counts = [n for n in station if n.startswith("num_")]
        assert "num_vehicles_available" in counts
        assert all(type(station[n]) is int and station[n] >= 0 for n in counts)


RULES = {
    "manifest": _manifest,
    "gbfs": _gbfs,
    "system_information": _system,
    "station_information": _information,
    "station_status": _status,
}
