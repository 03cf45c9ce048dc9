"""The same question at every door has the same answer: values, ids and counts, for everybody who asks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from starlette.testclient import TestClient

from runtime.elastic.bulk import write
from runtime.elastic.client import client
from runtime.elastic.setup import ensure_templates
from runtime.endpoints import Endpoints
from schemas import contracts
from serving.access.levels import Level, visible_fields
from serving.access.view import Dataset, datasets
from serving.app import application
from serving.doors.ngsi.types import attribute_name
from serving.queries.kinds import FieldKind, kind_of
from serving.services import Services
from tests.servers.doors import FEEDS, Asked, Question, Row, doors_of, latest, ngsi_now
from tests.servers.samples import START, STEP, place, samples
from tests.servers.serving import actions, key

pytestmark = pytest.mark.servers

TENANTS = ("equal_a", "equal_b")
BOX = (1.405, 43.505, 1.43, 43.53)  # west, south, east, north: the entities 1 and 2
EVERY = list(datasets(contracts().values()))


@pytest.fixture(scope="module")
def asked(servers: Endpoints) -> Iterator[TestClient]:
    es = client(servers)
    ensure_templates(es, contracts().values())
    every = [a for c in contracts().values() for a in actions(c, samples(c, TENANTS))]
    assert write(es, every, visible=True).refused == []
    with TestClient(application(Services.of(es, "tests", 1_000_000)), raise_server_exceptions=False) as found:
        yield found
    es.indices.delete(index=[name for t in TENANTS for name in es.indices.get(index=f"city-*-{t}*")])


@pytest.fixture(scope="module")
def holders(servers: Endpoints) -> dict[str, dict[str, str]]:
    return {"one": key(servers, Level.PARTNER, TENANTS[0]), "both": key(servers, Level.PRIVATE, *TENANTS)}


def seen(dataset: Dataset, level: Level, tenants: tuple[str, ...]) -> list[Row]:
    """The documents of a dataset as somebody may see them, by the contract and plain Python."""
    contract = dataset.contract
    names = [f.name for f in visible_fields(contract, level)]
    every = [d for d in samples(contract, TENANTS) if d["tenant"] in tenants]
    if dataset.is_latest:
        newest = {(d["tenant"], d["entity_id"]): d for d in sorted(every, key=lambda d: d[contract.time])}
        every = list(newest.values())
    return [{n: d[n] for n in names} for d in every] if names else []


def questions(dataset: Dataset, names: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is asked of a dataset, in the words of each door."""
    contract, time = dataset.contract, dataset.contract.time
    yield "everything", {}
    first, last = START + STEP, START + 2 * STEP
    if not dataset.is_latest:
        yield (
            "a time",
            {
                "holds": lambda d: first <= d[time] <= last,
                "native": {f"{time}.gte": first.isoformat(), f"{time}.lte": last.isoformat()},
                "explore": f"{time} >= date'{first.isoformat()}' and {time} <= date'{last.isoformat()}'",
                "ogc": {"datetime": f"{first.isoformat()}/{last.isoformat()}"},
                "ngsi": {
                    "timerel": "between",
                    "timeAt": first.isoformat(),
                    "endTimeAt": (last + STEP / 2).isoformat(),
                },
            },
        )
    if "location" in names:
        west, south, east, north = BOX
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        yield (
            "a box",
            {
                "holds": lambda d: d["location"]["lon"] > west,
                "native": {"bbox": ",".join(map(str, BOX))},
                "explore": f"in_bbox(location, {south}, {west}, {north}, {east})",
                "ogc": {"bbox": ",".join(map(str, BOX))},
                "ngsi": {"georel": "within", "geometry": "Polygon", "coordinates": json.dumps([ring])},
            },
        )
        yield (
            "a circle",
            {
                "holds": lambda d: d["location"] == place(1),
                "native": {"near": "1.41,43.51", "radius_m": "500"},
                "explore": "within_distance(location, geom'POINT(1.41 43.51)', 500m)",
                "ogc": {"filter": "S_INTERSECTS(location, BBOX(1.409, 43.509, 1.411, 43.511))"},
                "ngsi": {"georel": "near;maxDistance==500", "geometry": "Point", "coordinates": "[1.41,43.51]"},
            },
        )
    for field in contract.fields:
        if (
            field.name in names
            and field.name != "tenant"
            and kind_of(field) is FieldKind.NAME
            and not field.is_optional
        ):
            value = next(samples(contract, TENANTS))[field.name]
            if isinstance(value, str):
                yield (
                    f"a {field.name}",
                    {
                        "holds": lambda d, n=field.name, v=value: d[n] == v,
                        "native": {field.name: value},
                        "explore": f'{field.name} = "{value}"',
                        "ogc": {"filter": f"{field.name} = '{value}'"},
                        "ngsi": {"q": f'{attribute_name(contract, field)}=="{value}"'},
                    },
                )
                return


def ordered(rows: list[Row]) -> list[str]:
    def shown(value: Any) -> Any:
        return value.isoformat() if isinstance(value, datetime) else value

    return sorted(json.dumps({k: shown(v) for k, v in sorted(r.items())}, ensure_ascii=False) for r in rows)


def ask(asked: TestClient, dataset: Dataset, question: Question, level: Level, tenants: tuple[str, ...]) -> int:
    """Ask a question at every door; how many doors answered, all of them the same."""
    it = Asked(asked, dataset, type_name(dataset))
    there = seen(dataset, level, tenants)
    names = {f.name for f in visible_fields(dataset.contract, level)}
    expected = [d for d in there if question.holds(d)]
    doors = doors_of(it, names)
    for name, door in doors.items():
        found = door(it, question)
        assert ordered(found.rows) == ordered([it.row(d) for d in expected]), f"{dataset.name} at {name}"
        assert found.count == len(expected), f"{dataset.name} at {name}"
    return len(doors)


def type_name(dataset: Dataset) -> str:
    model = dataset.contract.declaration.smart_data_model
    return model.type if model else str(dataset.contract.avro["name"])


@pytest.mark.parametrize("dataset", EVERY, ids=lambda d: d.name)
def test_every_door_gives_the_same_answer(
    asked: TestClient, holders: dict[str, dict[str, str]], dataset: Dataset
) -> None:
    a, both = TENANTS[:1], TENANTS
    cases = [
        ({}, both, Level.OPEN, both),
        (holders["one"], (), Level.PARTNER, a),
        (holders["one"], TENANTS[1:], Level.OPEN, TENANTS[1:]),
        (holders["both"], (), Level.PRIVATE, both),
    ]
    answered = 0
    for headers, wanted, level, tenants in cases:
        if not seen(dataset, level, tenants):
            nothing = asked.get(f"/ogc/collections/{dataset.name}/items", params={"tenant": wanted}, headers=headers)
            assert nothing.status_code == 404
            continue
        names = {f.name for f in visible_fields(dataset.contract, level)}
        everything, *others = (words for _, words in questions(dataset, names))
        turn = [others[EVERY.index(dataset) % len(others)]] if others and headers != holders["one"] else []
        for words in (everything, *turn):
            answered += ask(asked, dataset, Question(headers, wanted, **words), level, tenants)
    assert answered > 0


@pytest.mark.parametrize("name", sorted(FEEDS))
def test_feeds_of_mobility_say_what_the_documents_say(
    asked: TestClient, holders: dict[str, dict[str, str]], name: str
) -> None:
    dataset = next(d for d in EVERY if d.name == name)
    door, tell = FEEDS[name]
    it = Asked(asked, dataset, type_name(dataset))
    for headers, tenants in (({}, TENANTS), (holders["one"], TENANTS[:1]), (holders["both"], TENANTS)):
        found = door(it, Question(headers, tenants))
        expected = [it.row(t) for d in seen(dataset, Level.OPEN, tenants) if (t := tell(d)) is not None]
        assert ordered(found.rows) == ordered(expected)
        assert expected


def test_every_file_of_every_bike_system_is_found_from_the_manifest(asked: TestClient) -> None:
    systems = {s["system_id"]: s["versions"] for s in asked.get("/gbfs/manifest.json").json()["data"]["datasets"]}
    assert set(TENANTS) <= systems.keys()
    for tenant in TENANTS:
        (version,) = systems[tenant]
        feeds = asked.get(version["url"]).json()["data"]["feeds"]
        found = {f["name"]: asked.get(f["url"]).json() for f in feeds}
        assert {f["version"] for f in found.values()} == {version["version"]} == {"3.0"}
        assert found["system_information"]["data"]["system_id"] == tenant
        stations = [found[n]["data"]["stations"] for n in ("station_information", "station_status")]
        assert len({tuple(s["station_id"] for s in of) for of in stations}) == 1
    assert asked.get("/gbfs/nobody/3.0/gbfs.json").status_code == 404


def test_the_newest_of_results_is_the_same_at_both_doors_that_tell_it(asked: TestClient) -> None:
    results = [d for d in EVERY if not d.contract.has_latest and d.contract.declaration.sensitivity == "open"]
    assert results
    for dataset in results:
        it = Asked(asked, dataset, type_name(dataset))
        native, entities = (door(it, Question({}, TENANTS)) for door in (latest, ngsi_now))
        assert ordered(entities.rows) == ordered(native.rows)
        assert entities.count == native.count > 0
