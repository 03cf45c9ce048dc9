"""The API over a real Elasticsearch: what it answers, how it pages, what it refuses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from runtime.elastic.client import client
from runtime.endpoints import Endpoints
from serving.access.levels import Level
from tests.servers.serving import api, index, key, probes

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def asked(servers: Endpoints) -> Iterator[TestClient]:
    index(client(servers), list(probes().values()))
    with api(servers) as found:
        yield found


def test_health(asked: TestClient) -> None:
    assert asked.get("/health").json() == {"status": "ok"}


def test_the_openapi_document_names_only_what_the_caller_may_see(asked: TestClient, servers: Endpoints) -> None:
    for headers, hidden in (({}, "operator_note"), (key(servers, Level.PARTNER, "balma"), "probe_private")):
        found = asked.get("/openapi.json", headers=headers)
        assert found.json()["openapi"].startswith("3.1")
        assert "/api/v1/datasets/probe_observed/history" in found.json()["paths"]
        assert hidden not in found.text
        assert "inspector" not in found.text
