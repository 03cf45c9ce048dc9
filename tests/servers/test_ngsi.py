"""NGSI-LD over a real Elasticsearch: entities, their evolution, their types, and what the names mean."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from runtime.elastic.client import client
from runtime.endpoints import Endpoints
from serving.access.levels import Level
from serving.doors.ngsi import finding
from tests.servers.serving import HIDDEN, START, TENANTS, api, documents, index, key, probes

pytestmark = pytest.mark.servers

ROOT = "/ngsi-ld/v1"
EVERY = list(documents(probes()["probe_observed"]))
LAST = EVERY[-6:]  # the newest of each entity of the last tenant
MIDDLE = START + timedelta(minutes=300)
URN = "urn:ngsi-ld:ProbeObserved:balma:balma-3"


@pytest.fixture(scope="module")
def asked(servers: Endpoints) -> Iterator[TestClient]:
    index(client(servers), list(probes().values()))
    with api(servers) as found:
        yield found


def entities(asked: TestClient, path: str = "entities", **parameters: Any) -> Any:
    answer = asked.get(f"{ROOT}/{path}", params={"type": "ProbeObserved", **parameters})
    assert answer.status_code in (200, 206), answer.text
    return answer.json()


def ids(found: list[Any]) -> set[str]:
    return {e["id"].rpartition(":")[2] for e in found}


def test_an_entity_says_what_when_and_in_which_unit(asked: TestClient) -> None:
    newest = next(d for d in LAST if d["entity_id"] == "balma-3")
    found = asked.get(f"{ROOT}/entities/{URN}").json()
    at = newest["observed_at"].isoformat().replace("+00:00", "Z")
    level = {"type": "Property", "value": newest["level_celsius"], "unitCode": "CEL", "observedAt": at}
    assert (found["id"], found["type"], found["levelCelsius"]) == (URN, "ProbeObserved", level)
    where = [newest["location"]["lon"], newest["location"]["lat"]]
    assert found["location"]["type"] == "GeoProperty"
    assert found["location"]["value"] == {"type": "Point", "coordinates": where}
    assert found["observedAt"]["value"] == {"@type": "DateTime", "@value": at}
    assert "operatorNote" not in found
    simple = asked.get(f"{ROOT}/entities/{URN}", params={"options": "keyValues", "attrs": "visitsCount,state"}).json()
    assert simple == {"id": URN, "type": "ProbeObserved", "visitsCount": 57, "state": newest["state"]}


def test_what_is_unknown_is_not_there(asked: TestClient) -> None:
    unknown = next(d for d in LAST if d["level_celsius"] is None)
    found = asked.get(f"{ROOT}/entities/urn:ngsi-ld:ProbeObserved:balma:{unknown['entity_id']}").json()
    assert "levelCelsius" not in found
    assert "null" not in json.dumps(found)


@pytest.mark.parametrize(
    ("parameters", "holds"),
    [
        ({"q": "visitsCount>=57"}, lambda d: d["visits_count"] >= 57),
        ({"q": 'state=="free"|visitsCount==58'}, lambda d: d["state"] == "free" or d["visits_count"] == 58),
        ({"q": "levelCelsius;isOpen==true"}, lambda d: d["level_celsius"] is not None and d["is_open"]),
        ({"q": "visitsCount<57;visitsCount>54"}, lambda d: 54 < d["visits_count"] < 57),
        ({"q": "visitsCount==20..55"}, lambda d: 20 <= d["visits_count"] <= 55),
        (
            {"georel": "near;maxDistance==100", "geometry": "Point", "coordinates": "[1.42,43.52]"},
            lambda d: d["location"]["lat"] == 43.52,
        ),
        (
            {"georel": "near;minDistance==100", "geometry": "Point", "coordinates": "[1.42,43.52]"},
            lambda d: d["location"]["lat"] != 43.52,
        ),
        ({"id": f"{URN},urn:ngsi-ld:ProbeObserved:balma:x"}, lambda d: d["entity_id"] == "balma-3"),
        ({"id": "urn:ngsi-ld:ProbeObserved:nothing"}, lambda _: False),
    ],
)
@pytest.mark.parametrize("name", ["ProbeObserved", "ProbeResult"])
def test_entities_are_those_that_are_so_now(asked: TestClient, name: str, parameters: Any, holds: Any) -> None:
    """Whether the newest state is kept apart or not: what was so once is not so now."""
    given = {n: v.replace("ProbeObserved", name) for n, v in parameters.items()}
    if name == "ProbeResult" and ("levelCelsius" in str(given) or "isOpen" in str(given)):
        return
    found = entities(asked, type=name, tenant="balma", count="true", **given)
    assert ids(found) == {d["entity_id"] for d in LAST if holds(d)}


def test_pages_and_counts(asked: TestClient) -> None:
    for name in ("ProbeObserved", "ProbeResult"):
        found, offset = [], 0
        while True:
            answer = asked.get(f"{ROOT}/entities", params={"type": name, "limit": 5, "offset": offset, "count": "true"})
            assert answer.headers["NGSILD-Results-Count"] == "12"
            found += answer.json()
            offset += 5
            assert ('rel="next"' in answer.headers["link"]) == (offset < 12)
            if offset >= 12:
                break
        assert len(ids(found)) == len(found) == 12
        assert "NGSILD-Results-Count" not in asked.get(f"{ROOT}/entities", params={"type": name}).headers
        nothing = asked.get(f"{ROOT}/entities", params={"type": name, "limit": 0, "count": "true"})
        assert (nothing.json(), nothing.headers["NGSILD-Results-Count"]) == ([], "12")


def test_the_standard_writes_lists_with_a_slash(asked: TestClient) -> None:
    for path in ("entities", "temporal/entities", "types"):
        given = {} if path == "types" else {"type": "ProbeObserved"}
        with_slash, without = (asked.get(f"{ROOT}/{path}{slash}", params=given) for slash in ("/", ""))
        assert (with_slash.status_code, with_slash.json()) == (200, without.json())


def test_the_header_names_the_tenant_too(asked: TestClient) -> None:
    answer = asked.get(f"{ROOT}/entities", params={"type": "ProbeObserved"}, headers={"NGSILD-Tenant": "balma"})
    assert ids(answer.json()) == {d["entity_id"] for d in LAST}
    assert asked.get(f"{ROOT}/types", headers={"NGSILD-Tenant": "No!"}).status_code == 400


@pytest.mark.parametrize(
    ("parameters", "holds"),
    [
        ({"timerel": "before", "timeAt": MIDDLE.isoformat()}, lambda d: d["observed_at"] < MIDDLE),
        ({"timerel": "after", "timeAt": MIDDLE.isoformat()}, lambda d: d["observed_at"] > MIDDLE),
        (
            {"timerel": "between", "timeAt": START.isoformat(), "endTimeAt": MIDDLE.isoformat()},
            lambda d: START <= d["observed_at"] < MIDDLE,
        ),
        ({}, lambda _: True),
    ],
)
def test_evolution_is_what_was_in_a_time(asked: TestClient, parameters: Any, holds: Any) -> None:
    found = entities(asked, "temporal/entities", attrs="visitsCount", **parameters)
    there = {
        (e["id"].rpartition(":")[2], x["value"], datetime.fromisoformat(x["observedAt"]))
        for e in found
        for x in e["visitsCount"]
    }
    assert there == {(d["entity_id"], d["visits_count"], d["observed_at"]) for d in EVERY if holds(d)}
    one = asked.get(f"{ROOT}/temporal/entities/{URN}", params=parameters).json()
    own = [d["visits_count"] for d in EVERY if d["entity_id"] == "balma-3" and holds(d)]
    assert [x["value"] for x in one["visitsCount"]] == own[::-1]


def test_the_newest_few_of_each(asked: TestClient) -> None:
    found = entities(asked, "temporal/entities", lastN=2, tenant="balma", options="temporalValues")
    for entity in found:
        own = [d for d in EVERY if d["entity_id"] == entity["id"].rpartition(":")[2]]
        assert [v for v, _ in entity["visitsCount"]["values"]] == [d["visits_count"] for d in own[:-3:-1]]
    assert len(found) == 6


def test_entities_of_which_something_held_in_a_time(asked: TestClient) -> None:
    during = {"timerel": "before", "timeAt": (START + timedelta(minutes=30)).isoformat()}
    found = entities(asked, "temporal/entities", q="visitsCount==2", tenant="balma", **during)
    assert ids(found) == {"balma-2"}
    assert [x["value"] for x in found[0]["visitsCount"]] == [2]


def test_what_is_not_all_says_so(asked: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "MAX_SIZE", 5)
    answer = asked.get(f"{ROOT}/temporal/entities/{URN}")
    times = [x["observedAt"] for x in answer.json()["visitsCount"]]
    assert (answer.status_code, len(times)) == (206, 5)
    assert answer.headers["content-range"] == f"date-time {max(times)}-{min(times)}/*"


def test_types_and_what_their_names_mean(asked: TestClient, servers: Endpoints) -> None:
    assert asked.get(f"{ROOT}/types").json()["typeList"] == ["ProbeObserved", "ProbeResult"]
    private = key(servers, Level.PRIVATE, *TENANTS)
    assert "ProbePrivate" in asked.get(f"{ROOT}/types", headers=private).json()["typeList"]
    details = asked.get(f"{ROOT}/types", params={"details": "true"}).json()
    assert [t["typeName"] for t in details] == ["ProbeObserved", "ProbeResult"]
    one = asked.get(f"{ROOT}/types/ProbeObserved").json()
    assert one["entityCount"] == 12
    assert {"GeoProperty"} == {t for a in one["attributeDetails"] for t in a["attributeTypes"]} - {"Property"}
    assert "operator" not in json.dumps([details, one])


def test_json_and_json_ld_have_the_context_beside_and_inside(asked: TestClient) -> None:
    beside = asked.get(f"{ROOT}/entities/{URN}")
    address, _, relation = beside.headers["link"].partition(">; ")
    assert beside.headers["content-type"] == "application/json"
    assert "json-ld#context" in relation
    context = asked.get(address.removeprefix("<"))
    assert context.headers["content-type"] == "application/ld+json"
    terms, core = context.json()["@context"]
    assert core.startswith("https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context")
    assert {n for n in beside.json() if n not in ("id", "type")} | {"ProbeObserved"} <= terms.keys()
    assert "operatorNote" not in terms
    inside = asked.get(f"{ROOT}/entities/{URN}", headers={"Accept": "application/ld+json"})
    assert inside.headers["content-type"] == "application/ld+json"
    assert inside.json() == {**beside.json(), "@context": [address.removeprefix("<"), core]}
    by_iri = entities(asked, type=terms["ProbeObserved"], q="state==free", attrs=terms["state"])
    assert all(set(e) <= {"id", "type", "state"} for e in by_iri)


def test_an_entity_of_others_is_as_one_that_nobody_has_heard_of(asked: TestClient, servers: Endpoints) -> None:
    private = f"{ROOT}/entities/urn:ngsi-ld:ProbePrivate:balma:{HIDDEN}-balma-1"
    for headers in ({}, key(servers, Level.PARTNER, "balma"), key(servers, Level.PRIVATE, "aucamville")):
        answer = asked.get(private, headers=headers)
        other = asked.get(private.replace("ProbePrivate", "ProbeNothing"), headers=headers)
        assert answer.status_code == other.status_code == 404
        assert answer.text.replace("ProbePrivate", "ProbeNothing") == other.text
    assert asked.get(private, headers=key(servers, Level.PRIVATE, "balma")).status_code == 200
