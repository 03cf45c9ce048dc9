"""The OpenAPI document and the API agree: generated requests get what it promises, and never an error of ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import APIOperation, BaseSchema, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from runtime.elastic.client import client
from runtime.endpoints import Endpoints
from serving.access.levels import Level
from tests.servers.serving import TENANTS, index, key, listening, probes

pytestmark = pytest.mark.servers

EXAMPLES = 5
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
ENDLESS = "/live"
SETTINGS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def headers(servers: Endpoints) -> dict[str, str]:
    return key(servers, Level.PRIVATE, *TENANTS)


@pytest.fixture(scope="module")
def described(servers: Endpoints, headers: dict[str, str]) -> Iterator[BaseSchema]:
    """The document as the holder of a private key sees it."""
    index(client(servers), list(probes().values()))
    with listening(servers) as address:
        yield schemathesis.openapi.from_url(f"{address}/openapi.json", headers=headers)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["valid", "invalid"])
def test_generated_requests_get_what_the_document_promises(
    described: BaseSchema, headers: dict[str, str], mode: GenerationMode
) -> None:
    operations = [found.ok() for found in described.get_all_operations()]
    asked = [_answers_as_promised(o, headers, mode) for o in operations if not o.path.endswith(ENDLESS)]
    assert len(asked) > 20
    assert sum(asked) > len(asked) * EXAMPLES / 3


def _answers_as_promised(operation: APIOperation, headers: dict[str, str], mode: GenerationMode) -> int:
    """Send an operation generated requests; how many it got."""
    if mode is GenerationMode.NEGATIVE and not [*operation.query]:
        return 0
    sent = 0

    @SETTINGS
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: Case) -> None:
        nonlocal sent
        sent += 1
        case.call_and_validate(headers=headers, checks=CHECKS)

    send()
    return sent
