"""Who may look into the pipeline, and what they see of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from starlette.testclient import TestClient

from serving.access.caller import EVERY_TENANT, Caller
from serving.access.keys import KeyStore
from serving.access.levels import Level
from serving.app import application
from serving.pipeline import KeptPipeline
from serving.services import Services
from tests.serving.scripted_pipeline import ScriptedPipeline

PREFIX = "/api/v1/pipeline"
LETTER = f"{PREFIX}/dead-letters/balma/{'0' * 64}/replay"


class Keys(KeyStore):
    """Keys that say in their text what they open: level and tenants."""

    def __init__(self) -> None:
        pass

    def caller(self, text: str, now: datetime | None = None) -> Caller | None:  # noqa: ARG002
        level, _, tenants = text.partition(" ")
        return Caller(text, Level(level), None if tenants == EVERY_TENANT else frozenset(tenants.split()), 1000, text)


@pytest.fixture
def known() -> ScriptedPipeline:
    return ScriptedPipeline()


@pytest.fixture
def asked(services: Services, known: ScriptedPipeline) -> TestClient:
    app = application(replace(services, keys=Keys(), pipeline=KeptPipeline(known)))
    return TestClient(app, raise_server_exceptions=False)


def get(asked: TestClient, path: str, key: str | None = None, status: int = 200) -> Any:
    answer = asked.get(f"{PREFIX}/{path}", headers={"X-API-Key": key} if key else {})
    assert answer.status_code == status, answer.text
    return answer.json()


def test_nobody_without_a_key_is_told_of_the_pipeline(asked: TestClient) -> None:
    for path in ("feeds", "queries", "ledger"):
        assert "level partner" in get(asked, path, status=403)["detail"]


def test_a_partner_sees_the_feeds_of_their_own_tenants(asked: TestClient) -> None:
    assert [f["feed"] for f in get(asked, "feeds", "partner balma")["results"]] == ["balma-weather"]
    get(asked, "feeds?tenant=toulouse", "partner balma", status=403)
    assert get(asked, "feeds", "partner *")["count"] == 2


def test_counts_of_all_tenants_are_told_to_who_may_see_all(asked: TestClient) -> None:
    [of_one] = get(asked, "queries", "partner balma")["results"]
    assert (of_one["lag_records"], of_one["rows_count"]) == (12.0, None)
    [of_all] = get(asked, "queries", "partner *")["results"]
    assert of_all["rows_count"] == 1000


def test_the_ledger_says_what_does_not_add_up_to_those_of_the_tenant(asked: TestClient) -> None:
    [account] = get(asked, "ledger", "partner balma")["results"]
    assert account["problems"] == [{"hour": "2026-07-14T12:00:00+00:00", "what": "1 accepted and not in the index"}]
    assert get(asked, "ledger", "partner toulouse")["results"] == []


def test_the_pipeline_is_not_asked_for_each_who_looks(asked: TestClient, known: ScriptedPipeline) -> None:
    for _ in range(5):
        get(asked, "feeds", "partner *")
    assert known.asked == 1


def test_a_letter_is_replayed_by_a_private_key_of_its_tenant_alone(asked: TestClient, known: ScriptedPipeline) -> None:
    for key in ("partner balma", "private toulouse"):
        assert asked.post(LETTER, headers={"X-API-Key": key}).status_code == 404
    assert asked.post(LETTER).status_code == 404
    assert known.replayed == []
    assert asked.post(LETTER, headers={"X-API-Key": "private balma"}).json()["became"] == "replayed"
    assert known.replayed == [("balma", "0" * 64)]
    unknown = asked.post(LETTER.replace("balma", "toulouse"), headers={"X-API-Key": "private *"})
    assert (unknown.status_code, unknown.json()["type"]) == (404, "urn:garonne:problem:unknown-letter")


def test_a_server_of_documents_alone_says_that_it_knows_no_pipeline(services: Services) -> None:
    app = application(replace(services, keys=Keys()))
    assert TestClient(app).get(f"{PREFIX}/feeds", headers={"X-API-Key": "partner *"}).status_code == 404
