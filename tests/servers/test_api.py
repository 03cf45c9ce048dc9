"""The API over a real Elasticsearch: what it answers, how it pages, what it records and what it refuses."""

from __future__ import annotations

import csv
import io
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import h3
import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from runtime.elastic.bulk import write
from runtime.elastic.client import client
from runtime.endpoints import Endpoints
from serving.access.audit import INDEX as AUDIT
from serving.access.keys import INDEX as KEYS
from serving.access.keys import KEY, KeyStore
from serving.access.levels import Level
from tests.servers.serving import PARTS, START, TENANTS, actions, api, documents, index, key, lines, probes
from tests.servers.stacks import until

pytestmark = pytest.mark.servers

BASE = "/api/v1/datasets"
PROBE = f"{BASE}/probe_observed"
EXPLORE = "/api/explore/v2.1/catalog/datasets"
CONTRACT = probes()["probe_observed"]
TRIES = 10  # something else may have the machine for a while
EVERY = list(documents(CONTRACT))


@pytest.fixture(scope="module")
def asked(servers: Endpoints) -> Iterator[TestClient]:
    index(client(servers), list(probes().values()))
    with api(servers) as found:
        yield found


def results(asked: TestClient, path: str, **parameters: Any) -> list[dict[str, Any]]:
    answer = asked.get(path, params={k.rstrip("_"): v for k, v in parameters.items()})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def test_health(asked: TestClient) -> None:
    assert asked.get("/health").json() == {"status": "ok"}


def test_the_openapi_document_names_only_what_the_caller_may_see(asked: TestClient, servers: Endpoints) -> None:
    for headers, hidden in (({}, "operator_note"), (key(servers, Level.PARTNER, "balma"), "probe_private")):
        found = asked.get("/openapi.json", headers=headers)
        assert found.json()["openapi"].startswith("3.1")
        assert "/api/v1/datasets/probe_observed/history" in found.json()["paths"]
        assert hidden not in found.text
        assert "inspector" not in found.text


def test_the_catalogue_says_what_the_contract_says(asked: TestClient) -> None:
    found = {f["name"]: f for f in asked.get(PROBE).json()["fields"]}
    assert (found["level_celsius"]["unit"], found["level_celsius"]["kind"]) == ("Cel", "decimal")
    assert found["state"]["values"] == ["free", "taken", "unknown"]
    assert "operator_note" not in found


def near(document: dict[str, Any], lon: float, lat: float, metres: float) -> bool:
    where = document["location"]
    return bool(h3.great_circle_distance((lat, lon), (where["lat"], where["lon"]), unit="m") <= metres)


@pytest.mark.parametrize(
    ("parameters", "holds"),
    [
        ({}, lambda _: True),
        ({"from_": "2026-07-14T14:00:00Z", "to": "2026-07-14T16:00:00+00:00"}, lambda d: 12 <= minutes(d) < 24),
        ({"entity_id": ["balma-1", "balma-2"]}, lambda d: d["entity_id"] in ("balma-1", "balma-2")),
        ({"visits_count.gte": 10, "visits_count.lt": 20}, lambda d: 10 <= d["visits_count"] < 20),
        ({"is_open": "true", "state": "free"}, lambda d: d["is_open"] and d["state"] == "free"),
        ({"name": "Place balma 3"}, lambda d: d["name"] == "Place balma 3"),
        ({"flags": "spike"}, lambda d: "spike" in d["flags"]),
        ({"bbox": "1.405,43.505,1.435,43.535"}, lambda d: 1 <= d["visits_count"] % 6 <= 3),
        ({"near": "1.4,43.5", "radius_m": 2000}, lambda d: near(d, 1.4, 43.5, 2000)),
        (
            {"polygon": "1.39,43.49,1.415,43.49,1.415,43.515,1.39,43.515,1.39,43.49"},
            lambda d: d["visits_count"] % 6 < 2,
        ),
        ({"where": "name like 'aucamville 2'"}, lambda d: d["name"] == "Place aucamville 2"),
        ({"where": '"AUCAMVILLE-2"'}, lambda d: d["entity_id"] == "aucamville-2"),
        ({"where": "within_distance(location, geom'POINT(1.4 43.5)', 2km)"}, lambda d: near(d, 1.4, 43.5, 2000)),
        ({"where": "`state` <> 'free' and not level_celsius > 3"}, lambda d: d["state"] != "free" and not deg(d) > 3),
    ],
)
def test_history_is_what_the_filters_leave(asked: TestClient, parameters: dict[str, Any], holds: Any) -> None:
    found = results(asked, f"{PROBE}/history", limit=1000, **parameters)
    expected = [d for d in EVERY if holds(d)]
    assert Counter((d["tenant"], d["visits_count"]) for d in found) == Counter(
        (d["tenant"], d["visits_count"]) for d in expected
    )
    assert expected
    assert [d["observed_at"] for d in found] == sorted((d["observed_at"] for d in found), reverse=True)


def minutes(document: dict[str, Any]) -> int:
    """Tens of minutes since the first."""
    return int((document["observed_at"] - START) / timedelta(minutes=10))


def deg(document: dict[str, Any]) -> float:
    return -99 if document["level_celsius"] is None else float(document["level_celsius"])


def test_pages_are_of_one_moment(asked: TestClient, servers: Endpoints) -> None:
    first = asked.get(f"{PROBE}/history", params={"limit": 50}).json()
    later = {**EVERY[0], "observed_at": START + timedelta(days=2), "visits_count": 999}
    write(client(servers), list(actions(CONTRACT, iter([later]))), visible=True)
    try:
        found, cursor = first["results"], first["cursor"]
        while cursor:
            page = asked.get(f"{PROBE}/history", params={"limit": 50, "cursor": cursor}).json()
            found, cursor = found + page["results"], page["cursor"]
        assert Counter((d["tenant"], d["visits_count"]) for d in found) == Counter(
            (d["tenant"], d["visits_count"]) for d in EVERY
        )
        assert results(asked, f"{PROBE}/history", limit=1)[0]["visits_count"] == 999
    finally:
        index(client(servers), [CONTRACT])


def test_a_cursor_is_of_one_question_and_one_caller(asked: TestClient, servers: Endpoints) -> None:
    holder, other = (key(servers, Level.PARTNER, tenant) for tenant in ("balma", "aucamville"))
    question = {"limit": 5, "state": "free"}
    cursor = asked.get(f"{PROBE}/history", params=question, headers=holder).json()["cursor"]
    again = asked.get(f"{PROBE}/history", params={**question, "limit": 7, "cursor": cursor}, headers=holder)
    assert (again.status_code, again.json()["count"]) == (200, 7)
    wrong = [
        (other, question, cursor),
        ({}, question, cursor),
        (holder, {**question, "state": "taken"}, cursor),
        (holder, {**question, "tenant": "aucamville"}, cursor),
        (holder, question, cursor[:-4] + "AAAA"),
        (holder, question, "é"),
    ]
    for headers, parameters, text in wrong:
        answer = asked.get(f"{PROBE}/history", params={**parameters, "cursor": text}, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (400, "urn:garonne:problem:bad-cursor")


def test_the_latest_state_is_the_newest_document_of_each_entity(asked: TestClient) -> None:
    for dataset in ("probe_observed", "probe_result"):
        found = results(asked, f"{BASE}/{dataset}/latest")
        assert sorted((d["entity_id"], d["visits_count"]) for d in found) == sorted(
            (f"{tenant}-{i % 6}", i) for tenant in TENANTS for i in range(PARTS - 6, PARTS)
        )
    (one,) = results(asked, f"{PROBE}/latest", entity_id="balma-3", select="entity_id, visits_count AS visits")
    assert one == {"entity_id": "balma-3", "visits": 57}


def test_figures_by_step_of_time(asked: TestClient) -> None:
    measures = "count(*), avg(level_celsius) AS mean, min(visits_count) AS low, max(observed_at) AS last"
    found = results(asked, f"{PROBE}/aggregate", select=measures, step="2 hours", tenant="balma")
    for row in found:
        start = datetime.fromisoformat(row["observed_at"])
        inside = [d for d in EVERY if d["tenant"] == "balma" and start <= d["observed_at"] < start + timedelta(hours=2)]
        levels = [d["level_celsius"] for d in inside if d["level_celsius"] is not None]
        assert row["count(*)"] == len(inside)
        assert row["mean"] == pytest.approx(sum(levels) / len(levels))
        assert row["low"] == min(d["visits_count"] for d in inside)
        assert datetime.fromisoformat(row["last"]) == max(d["observed_at"] for d in inside)
    assert len(found) == 5


def test_figures_by_field_are_sorted_as_told(asked: TestClient) -> None:
    found = results(
        asked, f"{PROBE}/aggregate", group_by="state", select="sum(visits_count) AS n", order_by="n DESC", limit=2
    )
    sums = Counter[str]()
    for d in EVERY:
        sums[d["state"]] += d["visits_count"]
    assert found == [{"state": s, "n": float(n)} for s, n in sums.most_common(2)]


def test_days_begin_at_midnight_of_the_zone(asked: TestClient) -> None:
    found = results(asked, f"{PROBE}/aggregate", step="1 day", timezone="Europe/Paris")
    assert [r["observed_at"] for r in found] == ["2026-07-13T22:00:00Z"]


def test_figures_by_cell_are_those_of_the_places_in_it(asked: TestClient) -> None:
    found = results(
        asked, f"{PROBE}/aggregate", h3=7, select="count(*) AS n, median(visits_count) AS middle", step="1 day"
    )
    by_cell = Counter(h3.latlng_to_cell(d["location"]["lat"], d["location"]["lon"], 7) for d in EVERY)
    assert {r["h3"]: r["n"] for r in found} == by_cell
    assert len(by_cell) > 1
    assert {r["observed_at"] for r in found} == {"2026-07-14T00:00:00Z"}


def test_every_format_holds_the_same_documents(asked: TestClient) -> None:
    question = {
        "select": "entity_id, name, visits_count, location, observed_at",
        "state": "free",
        "order_by": "visits_count",
    }
    found = {
        f: asked.get(f"{PROBE}/export/{f}", params=question) for f in ("csv", "geojson", "json", "ndjson", "parquet")
    }
    expected = sorted(d["visits_count"] for d in EVERY if d["state"] == "free")
    table = pq.read_table(io.BytesIO(found["parquet"].content))
    assert table.column("visits_count").to_pylist() == expected
    assert str(table.schema.field("observed_at").type) == "timestamp[us, tz=UTC]"
    assert [d["visits_count"] for d in lines(found["ndjson"].content)] == expected
    assert [d["visits_count"] for d in found["json"].json()] == expected
    assert [int(d["visits_count"]) for d in csv.DictReader(io.StringIO(found["csv"].text))] == expected
    features = found["geojson"].json()["features"]
    assert [f["properties"]["visits_count"] for f in features] == expected
    assert features[0]["geometry"] == {"type": "Point", "coordinates": [1.4, 43.5]}
    assert all("attachment" in a.headers["content-disposition"] for a in found.values())


def test_a_formula_in_a_name_is_not_run_by_a_spreadsheet(asked: TestClient, servers: Endpoints) -> None:
    bad = {**EVERY[0], "name": '=HYPERLINK("x")', "observed_at": START - timedelta(days=1), "level_celsius": -3.5}
    write(client(servers), list(actions(CONTRACT, iter([bad]))), visible=True)
    try:
        question = {"to": START.isoformat(), "select": "name, level_celsius"}
        text = asked.get(f"{PROBE}/export/csv", params=question).text
        assert text == 'name,level_celsius\r\n"\'=HYPERLINK(""x"")",-3.5\r\n'
    finally:
        index(client(servers), [CONTRACT])


def test_the_explore_api_answers_as_its_tools_expect(asked: TestClient) -> None:
    path = f"{EXPLORE}/probe_observed"
    found = asked.get(
        f"{path}/records", params={"where": "visits_count >= 58", "order_by": "visits_count", "limit": 3}
    ).json()
    assert (found["total_count"], [r["visits_count"] for r in found["results"]]) == (4, [58, 58, 59])
    grouped = {"select": "state, count(*) as n, max(visits_count)", "group_by": "state", "order_by": "state"}
    assert asked.get(f"{path}/records", params=grouped).json()["results"][0] == {
        "state": "free",
        "n": 40,
        "max(visits_count)": 57.0,
    }
    refined = {"refine": "state:free", "exclude": "tenant:balma", "select": "count(*) as n"}
    assert asked.get(f"{path}/records", params=refined).json()["results"] == [{"n": 20}]
    facets = {f["name"]: f["facets"] for f in asked.get(f"{path}/facets").json()["facets"]}
    assert {v["value"]: v["count"] for v in facets["tenant"]} == {"aucamville": 60, "balma": 60}
    exported = asked.get(f"{path}/exports/csv", params={"limit": 2, "select": "entity_id, state"}).text
    assert exported.splitlines()[0] == "entity_id;state"
    assert exported.count("\r\n") == 3
    listed = asked.get(EXPLORE, params={"limit": 100}).json()
    assert [d["dataset_id"] for d in listed["results"]] == ["probe_observed", "probe_observed_latest", "probe_result"]
    assert listed["results"][0]["metas"]["default"]["records_count"] == 120
    assert asked.get(f"{path}/records", params={"limit": 101}).status_code == 422
    assert asked.get(f"{path}/records", params={"group_by": "operator_note"}).status_code == 400
    assert "operator_note" not in asked.get(path).text


def test_a_quota_is_by_key(servers: Endpoints) -> None:
    with api(servers, anonymous_per_minute=3) as asked:
        few = key(servers, Level.OPEN, "balma", per_minute=2)
        assert [asked.get(BASE, headers=few).status_code for _ in range(3)] == [200, 200, 429]
        assert [asked.get(BASE).status_code for _ in range(4)] == [200, 200, 200, 429]
        refused = asked.get(BASE, headers=few)
        assert 0 < int(refused.headers["retry-after"]) <= 30


def test_a_key_ends_and_is_nowhere_in_clear(asked: TestClient, servers: Endpoints) -> None:
    private = f"{BASE}/probe_private/latest"
    valid = key(servers, Level.PRIVATE, "balma")
    assert asked.get(private, headers=valid).status_code == 200
    apikey = {"Authorization": f"Apikey {valid['X-API-Key']}"}
    assert asked.get(private, headers=apikey).status_code == 200
    assert asked.get(private, headers=key(servers, Level.PRIVATE, "balma", days=-1)).status_code == 401
    found = KEY.fullmatch(valid["X-API-Key"])
    assert found
    KeyStore(client(servers)).revoke(found[1], datetime.now(UTC))
    assert asked.get(private, headers=valid).status_code == 401
    kept = client(servers).search(index=KEYS, size=10_000)
    assert found[2] not in str(kept)


def test_accesses_are_recorded_without_the_key(asked: TestClient, servers: Endpoints) -> None:
    holder = key(servers, Level.PARTNER, "balma")
    found = KEY.fullmatch(holder["X-API-Key"])
    assert found
    asked.get(f"{BASE}/probe_partner/latest?visits_count=3", headers=holder)
    asked.get("/api/v1/pipeline/feeds", headers=holder)
    es = client(servers)

    def recorded() -> list[Any]:
        es.indices.refresh(index=f"{AUDIT}-*", ignore_unavailable=True)
        by_caller = {"term": {"caller": found[1]}}
        return list(es.search(index=f"{AUDIT}-*", query=by_caller, ignore_unavailable=True)["hits"]["hits"])

    until(lambda: len(recorded()) == 2, "the accesses are recorded")
    for access in (hit["_source"] for hit in recorded()):
        dataset = "probe_partner" if "datasets" in access["path"] else None
        expected = {"access_level": "partner", "tenants": ["balma"], "dataset": dataset, "status": 200}
        assert {name: access[name] for name in expected} == expected
        assert found[2] not in str(access)


def test_ten_thousand_points_of_history_come_within_a_second(asked: TestClient, servers: Endpoints) -> None:
    points = ({**EVERY[0], "observed_at": START - timedelta(seconds=10 * i)} for i in range(10_000))
    write(client(servers), list(actions(CONTRACT, points)), visible=True)
    try:
        question = {"entity_id": EVERY[0]["entity_id"], "limit": 10_000, "select": "observed_at, visits_count"}
        assert any(_seconds_of_ten_thousand(asked, question) < 1 for _ in range(TRIES))
    finally:
        index(client(servers), [CONTRACT])


def _seconds_of_ten_thousand(asked: TestClient, question: dict[str, Any]) -> float:
    began = time.perf_counter()
    assert asked.get(f"{PROBE}/history", params=question).json()["count"] == 10_000
    return time.perf_counter() - began
