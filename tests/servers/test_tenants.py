"""Analysts in Elasticsearch itself see their tenant's documents and no others; the API reads with few rights."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import ApiError, AuthenticationException, AuthorizationException, Elasticsearch
from pydantic import SecretStr
from starlette.testclient import TestClient
from typer.testing import CliRunner

from garonne import tenants as command
from runtime.elastic.client import client
from runtime.endpoints import Endpoints
from schemas import contracts
from schemas.contract import Sensitivity
from serving.access.audit import INDEX as AUDIT
from serving.access.elastic_keys import add_analyst, add_user, own_serve_key, remove_analysts, role_name
from serving.access.elastic_roles import analyst, strictest
from serving.access.keys import INDEX as KEYS
from serving.access.levels import Level
from serving.app import application
from tests.servers.serving import TENANTS, documents, index, key, probes, services_over
from tests.servers.stacks import until

OWN, FOREIGN = "balma", "aucamville"
EVERY = "city-*"


@pytest.fixture(scope="module")
def filled(servers: Endpoints) -> Endpoints:
    index(client(servers), list(probes().values()))
    return servers


@pytest.fixture(scope="module", params=[Level.OPEN, Level.PARTNER, Level.PRIVATE])
def level(request: pytest.FixtureRequest) -> Level:
    found: Level = request.param
    return found


@pytest.fixture(scope="module")
def balma(filled: Endpoints, level: Level) -> Iterator[Elasticsearch]:
    """Elasticsearch as an analyst of Balma finds it."""
    es = client(filled)
    _, text = add_analyst(es, probes().values(), OWN, level, 1)
    yield client(filled.model_copy(update={"elasticsearch_api_key": text}))
    remove_analysts(es, OWN)


def seen(level: Level) -> list[str]:
    """The probes that somebody at a level may read whole."""
    return [name for name, c in probes().items() if level.sees(strictest(c))]


def expected(level: Level) -> int:
    return sum(d["tenant"] == OWN for name in seen(level) for d in documents(probes()[name]))


@pytest.mark.servers
def test_an_analyst_finds_exactly_the_tenants_documents(balma: Elasticsearch, level: Level) -> None:
    found = balma.search(index=EVERY, size=10_000, track_total_hits=True)["hits"]
    assert {h["_source"]["tenant"] for h in found["hits"]} == ({OWN} if expected(level) else set())
    assert found["total"]["value"] == len(found["hits"]) == expected(level)
    assert balma.count(index=EVERY)["count"] == expected(level)
    groups = balma.search(index=EVERY, size=0, aggs={"i": {"terms": {"field": "_index", "size": 100}}})
    assert sum(b["doc_count"] for b in groups.get("aggregations", {"i": {"buckets": []}})["i"]["buckets"]) == expected(
        level
    )
    assert not [i for i in balma.indices.get(index=EVERY) if FOREIGN in i]
    assert not balma.field_caps(index=f"city-*-{FOREIGN}-*", fields="*")["fields"]


def test_levels_differ_by_the_contracts_they_open() -> None:
    assert seen(Level.OPEN) == seen(Level.PARTNER) == ["probe_result"]  # the others have fields above that
    assert seen(Level.PRIVATE) == ["probe_partner", "probe_private", "probe_result"]  # a personal field is above all


@pytest.mark.servers
def test_an_analyst_finds_nothing_of_another_tenant(balma: Elasticsearch, filled: Endpoints) -> None:
    everything = client(filled).search(index=f"city-probe_*-{FOREIGN}*", size=10_000)["hits"]["hits"]
    assert everything
    names = {h["_index"] for h in everything}
    for name in names:
        for ask in (balma.search, balma.count):
            with pytest.raises(AuthorizationException):
                ask(index=name)
    with pytest.raises(AuthorizationException):
        balma.get(index=everything[0]["_index"], id=everything[0]["_id"])
    gotten = balma.mget(docs=[{"_index": h["_index"], "_id": h["_id"]} for h in everything[:20]])["docs"]
    assert all("error" in d for d in gotten)
    several = balma.msearch(searches=[{"index": min(names)}, {"query": {"match_all": {}}}])["responses"]
    assert [r["status"] for r in several] == [403]
    for asks in (balma.cat.indices, balma.cluster.stats, balma.cluster.state, balma.indices.stats, balma.nodes.stats):
        with pytest.raises(AuthorizationException):
            asks()
    for name in (KEYS, f"{AUDIT}-*", ".security*"):
        try:
            assert balma.count(index=name)["count"] == 0
        except ApiError as e:
            assert e.meta.status in (403, 404)  # noqa: PT017 -- either says nothing


@pytest.mark.servers
def test_an_analyst_writes_nothing(balma: Elasticsearch, filled: Endpoints) -> None:
    before = client(filled).count(index="city-probe_*")["count"]
    there = balma.search(index=EVERY, size=1)["hits"]["hits"]
    where, what = (there[0]["_index"], there[0]["_id"]) if there else (f"city-probe_result-{OWN}-2026", "x")
    tries: list[Callable[[], Any]] = [
        lambda: balma.index(index=where, document={"tenant": OWN}),
        lambda: balma.update(index=where, id=what, doc={"tenant": FOREIGN}),
        lambda: balma.delete(index=where, id=what),
        lambda: balma.delete_by_query(index=where, query={"match_all": {}}),
        lambda: balma.indices.delete(index=where),
        lambda: balma.indices.create(index=f"city-probe_result-{OWN}-2031"),
        lambda: balma.indices.put_alias(index=where, name="mine"),
        lambda: balma.indices.put_settings(index=where, settings={"refresh_interval": "9s"}),
        lambda: balma.reindex(source={"index": where}, dest={"index": f"city-probe_result-{OWN}-2031"}),
        lambda: balma.security.put_role(name="more", indices=[{"names": ["*"], "privileges": ["all"]}]),
        lambda: balma.security.create_api_key(name="more"),
        lambda: balma.bulk(operations=[{"index": {"_index": where}}, {"tenant": OWN}]),
    ]
    for attempt in tries:
        with pytest.raises(AuthorizationException):
            attempt()
    assert client(filled).count(index="city-probe_*")["count"] == before


@pytest.mark.servers
def test_an_analyst_pages_through_a_point_in_time(balma: Elasticsearch, level: Level) -> None:
    if not expected(level):
        pytest.skip("nothing to page through")
    point = balma.open_point_in_time(index="city-probe_*", keep_alive="1m")["id"]
    found = balma.search(pit={"id": point}, size=10_000, sort=["_shard_doc"])["hits"]["hits"]
    assert len(found) == expected(level)
    balma.close_point_in_time(id=point)


@pytest.mark.servers
def test_the_command_makes_lists_and_ends_keys(filled: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "endpoints", lambda _: filled)
    monkeypatch.setattr(command.console, "width", 200)

    def run(*words: str) -> str:
        done = CliRunner().invoke(command.app, words)
        assert done.exit_code == 0, done.output
        return done.stdout

    text = run("add", "labege", "--level", "private", "--days", "3").strip()
    analysts = client(filled.model_copy(update={"elasticsearch_api_key": SecretStr(text)}))
    assert analysts.count(index=EVERY)["count"] == 0
    role = client(filled).security.get_role(name=role_name("labege", Level.PRIVATE))
    assert role[role_name("labege", Level.PRIVATE)]["indices"][0]["privileges"] == ["read", "view_index_metadata"]
    listed = run("list")
    assert "labege" in listed
    assert "valid" in listed
    assert text not in listed
    password = run("add", "labege", "--level", "private", "--user", "ana").strip()
    login = {"elasticsearch_user": "ana", "elasticsearch_password": SecretStr(password)}
    ana = client(filled.model_copy(update=login))
    assert ana.count(index=EVERY)["count"] == 0
    assert "user ana" in run("list")
    with pytest.raises(ValueError, match="there is a user elastic already"):
        add_user(client(filled), probes().values(), "labege", Level.OPEN, "elastic")
    assert "keys ended, 1 users removed" in run("remove", "labege")
    with pytest.raises(AuthenticationException):
        ana.count(index=EVERY)
    with pytest.raises(AuthenticationException):
        analysts.count(index=EVERY)
    assert "valid" not in "".join(line for line in run("list").splitlines() if "labege" in line)
    with pytest.raises(LookupError, match="labege has no analysts"):
        remove_analysts(client(filled), "labege")


@pytest.mark.servers
def test_the_api_does_with_its_own_key_what_it_does_as_administrator(filled: Endpoints, tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    text = own_serve_key(client(filled), path)
    assert own_serve_key(client(filled), path) == text
    assert path.stat().st_mode & 0o077 == 0
    few = filled.model_copy(update={"elasticsearch_api_key": text})
    headers = key(filled, Level.PRIVATE, *TENANTS)
    paths = [
        "/health",
        "/openapi.json",
        "/api/v1/datasets",
        *(f"/api/v1/datasets/probe_observed/{p}" for p in ("entities", "latest", "history?limit=10000", "aggregate")),
        "/api/v1/datasets/probe_private/export/ndjson",
        "/api/v1/datasets/probe_partner/history",
        "/api/explore/v2.1/catalog/datasets/probe_result/records",
    ]
    answers = []
    for endpoints in (filled, few):
        with TestClient(application(services_over(endpoints)), raise_server_exceptions=False) as asked:
            answers.append([asked.get(p, headers=headers) for p in paths])
    for as_administrator, with_few in zip(*answers, strict=True):
        assert (with_few.status_code, with_few.content) == (200, as_administrator.content), with_few.url
    es, admin = client(few), client(filled)
    who = headers["X-API-Key"].split("_")[1]

    def recorded() -> bool:
        admin.indices.refresh(index=f"{AUDIT}-*")
        found = admin.count(index=f"{AUDIT}-*", query={"term": {"caller": who}})["count"]
        return int(found) == 2 * (len(paths) - 1)  # who asks for the health is not asked who they are

    until(recorded, "every access is in the record")
    record = max(admin.indices.get(index=f"{AUDIT}-*"))
    for attempt in (
        lambda: es.index(index=f"city-probe_result-{OWN}-2026", document={}),
        lambda: es.index(index=KEYS, document={}),
        lambda: es.delete_by_query(index=record, query={"match_all": {}}),
        lambda: es.count(index=record),
        lambda: es.indices.put_index_template(name="mine", index_patterns=["x-*"]),
        lambda: es.security.create_api_key(name="more", role_descriptors={"a": {"cluster": ["all"]}}),
    ):
        with pytest.raises(ApiError) as refused:
            attempt()
        assert refused.value.meta.status in (400, 403)


@pytest.mark.servers
def test_a_key_that_was_ended_is_made_anew(filled: Endpoints, tmp_path: Path) -> None:
    path, es = tmp_path / "key.json", client(filled)
    first = own_serve_key(es, path)
    es.security.invalidate_api_key(ids=[client_id(first.get_secret_value())])
    second = own_serve_key(es, path)
    assert second != first
    assert client(filled.model_copy(update={"elasticsearch_api_key": second})).info()


def client_id(encoded: str) -> str:
    return b64decode(encoded).decode().split(":")[0]


@pytest.mark.parametrize("name", ["Balma", "balma*", "*", "balma-", "", "a,b"])
def test_a_tenant_is_a_name_and_no_pattern(name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a tenant"):
        analyst(contracts().values(), name, Level.OPEN)


def test_patterns_hold_no_others_tenant() -> None:
    every = analyst(contracts().values(), OWN, Level.PRIVATE)["indices"][0]["names"]
    assert all(f"-{OWN}-" in n or n.endswith(f"_latest-{OWN}") for n in every)
    assert not any(n.startswith(("city-*", "*")) for n in every)
    partner = analyst(contracts().values(), OWN, Level.PARTNER)["indices"][0]["names"]
    hidden = {c.alias for c in contracts().values() if c.declaration.sensitivity == Sensitivity.PRIVATE}
    assert hidden
    assert not [n for n in partner if any(n.startswith(f"{h}-") for h in hidden)]
