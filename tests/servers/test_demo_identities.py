"""The demo's three identities see three exact sets of documents of every contract."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from garonne.demo import command, parts
from garonne.demo.identities import Identity, identities
from runtime.elastic.bulk import write
from runtime.elastic.client import client
from runtime.elastic.setup import ensure_templates
from runtime.endpoints import Endpoints
from runtime.settings import Settings
from schemas import contracts
from serving.app import application
from serving.services import Services
from tests.servers.serving import actions, examples, lines

CITY, NEIGHBOUR = "demotown", "nexttown"
BASE = "/api/v1/datasets"


@pytest.fixture(scope="module")
def asked(servers: Endpoints) -> Iterator[TestClient]:
    """The API over the examples of all contracts, of two cities."""
    es = client(servers)
    ensure_templates(es, contracts().values())
    for contract in contracts().values():
        for tenant in (CITY, NEIGHBOUR):
            write(es, list(actions(contract, iter(examples(contract, tenant)))), visible=True)
    with TestClient(application(Services.of(es, "tests")), raise_server_exceptions=False) as api:
        yield api


@pytest.fixture(scope="module")
def who(servers: Endpoints) -> list[Identity]:
    return identities(client(servers), CITY, datetime.now(UTC))


def found(asked: TestClient, who: Identity, dataset: str, *tenants: str) -> set[str] | None:
    """The ids of the documents that an identity gets; None when there is no such dataset for it."""
    answer = asked.get(f"{BASE}/{dataset}/export/ndjson", params={"tenant": [*tenants]}, headers=who.headers)
    if answer.status_code == 404:
        return None
    assert answer.status_code == 200
    key = contracts()[dataset].key
    return {"|".join(str(d[name]) for name in key) for d in lines(answer.content)}


@pytest.mark.servers
@pytest.mark.parametrize("name", contracts())
def test_each_gets_what_its_level_opens_and_nothing_else(asked: TestClient, who: list[Identity], name: str) -> None:
    contract = contracts()[name]
    level = contract.declaration.sensitivity.value
    opened = {"open": 0, "partner": 1, "private": 2}[level]
    own = {"|".join(_plain(d[k]) for k in contract.key) for d in examples(contract, CITY)}
    assert own
    for rank, identity in enumerate(who):
        assert found(asked, identity, name, CITY) == (own if rank >= opened else None)
        foreign = found(asked, identity, name, NEIGHBOUR)
        assert foreign is None if opened else len(foreign or ()) == len(own)
        both = found(asked, identity, name, CITY, NEIGHBOUR)
        assert both is None if opened else len(both or ()) == 2 * len(own)


@pytest.mark.servers
def test_the_three_sets_differ(asked: TestClient, who: list[Identity]) -> None:
    listed = [
        {d["dataset"] for d in asked.get(BASE, params={"tenant": CITY}, headers=i.headers).json()["datasets"]}
        for i in who
    ]
    assert listed[0] < listed[1] < listed[2]


@pytest.mark.servers
def test_the_demo_starts_the_dashboards_and_shows_addresses_and_keys(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, servers: Endpoints
) -> None:
    started: list[parts.Part] = []
    monkeypatch.setattr(parts, "start", lambda _, part: started.append(part))
    port = 8081
    shown = command._dashboards(Settings(GARONNE_STATE=tmp_path), servers, port)
    assert started == [parts.dashboards(port)]
    assert shown["dashboards"] == f"http://127.0.0.1:{port}/"
    assert shown["API"].startswith(f"http://127.0.0.1:{port}/docs")
    keys = [text.removeprefix("X-API-Key: ") for text in shown.values() if text.startswith("X-API-Key: ")]
    assert len({*keys}) == 2
    assert started[0].name in parts.ORDER


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
