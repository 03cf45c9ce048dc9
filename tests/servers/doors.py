"""The doors of the API, each asked the same questions, their answers brought to one form."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import orjson
import pyarrow.parquet as pq
from google.transit.gtfs_realtime_pb2 import FeedMessage, VehiclePosition
from starlette.testclient import TestClient

from schemas import Contract
from serving.access.view import Dataset
from serving.doors.gbfs.files import INFORMATION, REQUIRED, STATUS
from serving.doors.ngsi.types import attribute_name
from serving.queries.kinds import FieldKind, is_list, kind_of

Row = dict[str, Any]
BASE = "/api/v1/datasets"
EXPLORE = "/api/explore/v2.1/catalog/datasets"
PAGE = 20  # so that there are pages
ENOUGH = 1000


@dataclass(frozen=True)
class Question:
    """Who asks, for which tenants, and what must hold, as plain Python and in the words of each kind of door."""

    headers: dict[str, str]
    tenants: Sequence[str]
    holds: Callable[[Row], bool] = lambda _: True
    native: dict[str, str] = field(default_factory=dict)
    explore: str | None = None
    ogc: dict[str, str] = field(default_factory=dict)
    ngsi: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """What a door answers: documents in one form, and how many it says there are."""

    rows: list[Row]
    count: int


@dataclass(frozen=True)
class Asked:
    """A dataset and the API that it is asked of."""

    client: TestClient
    dataset: Dataset
    type_name: str

    @property
    def contract(self) -> Contract:
        return self.dataset.contract

    def get(self, path: str, question: Question, **parameters: Any) -> Any:
        given = {"tenant": list(question.tenants), **parameters}
        answer = self.client.get(path, params=given, headers=question.headers)
        assert answer.status_code == 200, f"{answer.url}: {answer.text}"
        return answer

    def row(self, document: Row) -> Row:
        """A document in the one form: what is unknown or empty is not in it."""
        kinds = {f.name: kind_of(f) for f in self.contract.fields}
        return {n: _plain(kinds[n], v) for n, v in document.items() if v is not None and v != [] and v != ""}


def _plain(kind: FieldKind, value: Any) -> Any:
    if kind is FieldKind.TIME:
        at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return at.astimezone(UTC).isoformat()
    if kind is FieldKind.PLACE:
        return {"lat": value["lat"], "lon": value["lon"]}
    if kind is FieldKind.OPAQUE:
        is_written = isinstance(value, str) and value.startswith("[")
        return json.loads(value) if is_written else json.loads(orjson.dumps(value))
    return value


Door = Callable[[Asked, Question], Found]


def history(asked: Asked, question: Question) -> Found:
    rows, cursor = [], None
    while cursor is not None or not rows:
        more = {"cursor": cursor} if cursor else {}
        page = asked.get(f"{BASE}/{asked.dataset.name}/history", question, limit=PAGE, **question.native, **more).json()
        rows += page["results"]
        cursor = page["cursor"]
        if not page["results"]:
            break
    count = asked.get(f"{BASE}/{asked.dataset.name}/aggregate", question, **question.native).json()
    return Found([asked.row(r) for r in rows], count["results"][0]["count"])


def latest(asked: Asked, question: Question) -> Found:
    found = asked.get(f"{BASE}/{asked.contract.name}/latest", question, **question.native).json()
    assert found["is_complete"]
    return Found([asked.row(r) for r in found["results"]], found["count"])


def exported(name: str, read: Callable[[Asked, bytes], list[Row]]) -> Door:
    def door(asked: Asked, question: Question) -> Found:
        answer = asked.get(f"{BASE}/{asked.dataset.name}/export/{name}", question, **question.native)
        rows = [asked.row(r) for r in read(asked, answer.content)]
        return Found(rows, len(rows))

    return door


def explore(asked: Asked, question: Question) -> Found:
    where = {"where": question.explore} if question.explore else {}
    rows, total = [], ENOUGH
    while len(rows) < total:
        page = asked.get(
            f"{EXPLORE}/{asked.dataset.name}/records", question, limit=PAGE, offset=len(rows), **where
        ).json()
        total = page["total_count"]
        rows += page["results"]
    return Found([asked.row(r) for r in rows], total)


def explore_export(asked: Asked, question: Question) -> Found:
    where = {"where": question.explore} if question.explore else {}
    content = asked.get(f"{EXPLORE}/{asked.dataset.name}/exports/csv", question, delimiter="|", **where).content
    rows = [asked.row(r) for r in read_csv(asked, content, "|")]
    return Found(rows, len(rows))


def ogc(asked: Asked, question: Question) -> Found:
    path = f"/ogc/collections/{asked.dataset.name}/items"
    page = asked.get(path, question, limit=PAGE, **question.ogc).json()
    features, total = page["features"], page["numberMatched"]
    while following := [x for x in page["links"] if x["rel"] == "next"]:
        page = asked.client.get(following[0]["href"], headers=question.headers).json()
        features += page["features"]
        assert page["numberMatched"] == total
    assert len({f["id"] for f in features}) == len(features)
    for feature in features[:1]:
        one = asked.get(f"{path}/{quote(feature['id'], safe='')}", question).json()
        assert (one["id"], one["properties"]) == (feature["id"], feature["properties"])
    return Found([asked.row(_of_feature(f)) for f in features], total)


def ngsi_now(asked: Asked, question: Question) -> Found:
    every, total = [], ENOUGH
    while len(every) < total:
        given = {"type": asked.type_name, "limit": PAGE, "offset": len(every), "count": "true", **question.ngsi}
        answer = asked.get("/ngsi-ld/v1/entities", question, **given)
        total = int(answer.headers["NGSILD-Results-Count"])
        every += answer.json()
    for entity in every[:1]:
        assert asked.get(f"/ngsi-ld/v1/entities/{quote(entity['id'], safe='')}", question).json() == entity
    return Found([asked.row(_of_attributes(asked, e)) for e in every], total)


def ngsi_in_time(asked: Asked, question: Question) -> Found:
    given = {"type": asked.type_name, "limit": 100, "count": "true", **question.ngsi}
    answer = asked.get("/ngsi-ld/v1/temporal/entities", question, **given)
    found = []
    for entity in answer.json():
        by_time: dict[str, Row] = {}
        for name, instances in entity.items():
            for instance in instances if isinstance(instances, list) else []:
                by_time.setdefault(instance["observedAt"], {})[name] = instance
        found += [asked.row(_of_attributes(asked, e)) for e in by_time.values()]
    for one in answer.json()[:1]:
        path = f"/ngsi-ld/v1/temporal/entities/{quote(one['id'], safe='')}"
        assert asked.get(path, question, **_times(question)).json() == one
    assert int(answer.headers["NGSILD-Results-Count"]) == len(answer.json())
    return Found(found, len(found))


def _times(question: Question) -> dict[str, str]:
    return {n: v for n, v in question.ngsi.items() if n in ("timerel", "timeAt", "endTimeAt")}


def _of_feature(feature: Row) -> Row:
    lon, lat = feature["geometry"]["coordinates"]
    return {**feature["properties"], "location": {"lat": lat, "lon": lon}}


def _of_attributes(asked: Asked, entity: Row) -> Row:
    fields = {attribute_name(asked.contract, f): f for f in asked.contract.fields}
    return {fields[n].name: _of_attribute(a) for n, a in entity.items() if n in fields}


def _of_attribute(attribute: Row) -> Any:
    value = attribute["value"]
    if attribute["type"] == "GeoProperty":
        return {"lon": value["coordinates"][0], "lat": value["coordinates"][1]}
    return value["@value"] if isinstance(value, dict) else value


def read_csv(asked: Asked, content: bytes, delimiter: str = ",") -> list[Row]:
    fields = {f.name: f for f in asked.contract.fields}
    rows = csv.DictReader(io.StringIO(content.decode()), delimiter=delimiter)
    return [{n: _cell(fields[n], text) for n, text in row.items() if text} for row in rows]


def _cell(of: Any, text: str) -> Any:
    kind = kind_of(of)
    if is_list(of) and kind is not FieldKind.OPAQUE:
        return text.split(",")
    if kind is FieldKind.PLACE:
        lat, lon = text.split(", ")
        return {"lat": float(lat), "lon": float(lon)}
    read = {
        FieldKind.INTEGER: int,
        FieldKind.DECIMAL: float,
        FieldKind.BOOLEAN: {"true": True, "false": False}.__getitem__,
    }
    return read.get(kind, str)(text)  # type: ignore[operator]


def _geojson(_: Asked, content: bytes) -> list[Row]:
    found = json.loads(content)["features"]
    return [_of_feature(f) if f["geometry"] else f["properties"] for f in found]


def _ndjson(_: Asked, content: bytes) -> list[Row]:
    return [json.loads(line) for line in content.splitlines()]


def _parquet(_: Asked, content: bytes) -> list[Row]:
    found: list[Row] = pq.read_table(io.BytesIO(content)).to_pylist()
    return found


def gtfs_realtime(asked: Asked, question: Question) -> Found:
    answer = asked.get("/gtfs-realtime/vehicle-positions.pb", question, max_age_seconds=10**9)
    entities = FeedMessage.FromString(answer.content).entity
    rows = [_of_vehicle(e.id, e.vehicle) for e in entities]
    return Found(rows, len(rows))


def _of_vehicle(name: str, found: VehiclePosition) -> Row:
    position = found.position
    trip = {f.name: value for f, value in found.trip.ListFields()}
    row = {
        "tenant": name.split("|")[0],
        "entity_id": found.vehicle.id,
        "observed_at": datetime.fromtimestamp(found.timestamp, UTC).isoformat(),
        "location": {"lat": round(position.latitude, 3), "lon": round(position.longitude, 3)},
        "line_id": trip.get("route_id"),
        "trip_id": trip.get("trip_id"),
        "direction_id": trip.get("direction_id"),
        "stop_id": found.stop_id,
        "stop_sequence": found.current_stop_sequence if found.HasField("current_stop_sequence") else None,
        "stop_status": VehiclePosition.VehicleStopStatus.Name(found.current_status).lower()
        if found.HasField("current_status")
        else None,
        "speed_km_per_h": round(position.speed * 3.6, 3) if position.HasField("speed") else None,
        "bearing_degrees": round(position.bearing, 3) if position.HasField("bearing") else None,
    }
    return {n: v for n, v in row.items() if v is not None and v != ""}


def gbfs(asked: Asked, question: Question) -> Found:
    rows = [row for tenant in question.tenants for row in _system(asked, question, tenant)]
    return Found(rows, len(rows))


def _system(asked: Asked, question: Question, tenant: str) -> Iterator[Row]:
    feeds = {name: _stations(asked, question, tenant, name) for name in ("station_information", "station_status")}
    told = {"num_vehicles_available": "bikes_available", "last_reported": "observed_at", "station_id": "entity_id"}
    same = {"is_installed", "is_renting", "is_returning", "name"}
    told |= {v: k for k, v in {**STATUS, **INFORMATION}.items()} | {n: n for n in same}
    status = {s["station_id"]: s for s in feeds["station_status"]}
    for one in feeds["station_information"]:
        joined = {**one, "name": one["name"][0]["text"], **status[one["station_id"]]}
        where = {"lat": one["lat"], "lon": one["lon"]}
        row = {told[n]: v for n, v in joined.items() if n in told}
        yield asked.row({**row, "tenant": tenant, "location": where})


def _stations(asked: Asked, question: Question, tenant: str, name: str) -> list[Row]:
    answer = asked.client.get(f"/gbfs/{tenant}/3.0/{name}.json", headers=question.headers)
    found: list[Row] = answer.json()["data"]["stations"]
    return found


def doors_of(asked: Asked, names: set[str]) -> dict[str, Door]:
    """The doors that a dataset has for somebody who sees these fields."""
    found: dict[str, Door] = {
        "history": history,
        "csv": exported("csv", read_csv),
        "json": exported("json", lambda _, content: json.loads(content)),
        "ndjson": exported("ndjson", _ndjson),
        "parquet": exported("parquet", _parquet),
        "geojson": exported("geojson", _geojson),
        "explore": explore,
        "explore csv": explore_export,
    }
    if "location" in names:
        found["ogc"] = ogc
    if asked.dataset.is_latest:
        found |= {"latest": latest, "ngsi now": ngsi_now}
    else:
        found["ngsi in time"] = ngsi_in_time
    return found


def _as_vehicle(document: Row) -> Row | None:
    return {n: v for n, v in document.items() if n not in ("ingested_at", "feed", "flags", "scheduled_at")}


def _as_station(document: Row) -> Row | None:
    """GBFS has no word for unknown, and a station without a name is called by its id."""
    if any(document[n] is None for n in REQUIRED):
        return None
    told = {n: v for n, v in document.items() if n not in ("ingested_at", "feed", "flags")}
    return {**told, "name": document["name"] or document["entity_id"]}


#: Doors of one dataset, and what they tell of a document.
FEEDS: dict[str, tuple[Door, Callable[[Row], Row | None]]] = {
    "vehicle_position_latest": (gtfs_realtime, _as_vehicle),
    "bike_station_observed_latest": (gbfs, _as_station),
}
