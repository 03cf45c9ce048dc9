"""The API without an Elasticsearch: everything that needs none, and what it says when that is away."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from runtime.elastic.client import client
from runtime.endpoints import Endpoints
from serving.app import application
from serving.services import Services

NOWHERE = Endpoints(kafka_bootstrap="", schema_registry_url="", elasticsearch_url="http://127.0.0.1:1")


@pytest.fixture(scope="session")
def services() -> Services:
    return Services.of(client(NOWHERE, 5), "tests", anonymous_per_minute=1_000_000)


@pytest.fixture(scope="module")
def alone(services: Services) -> Iterator[TestClient]:
    """The API, whose Elasticsearch is away; not longer than it is asked, since it says every second that it is."""
    with TestClient(application(services), raise_server_exceptions=False) as asked:
        yield asked
