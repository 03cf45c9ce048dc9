"""What the tests with real servers share beside the servers themselves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runtime.endpoints import Endpoints
from tests.servers.stacks import stack_of_its_own


@pytest.fixture(scope="module")
def own_topics(servers: Endpoints) -> Iterator[Endpoints]:
    """Kafka and registry of a module's own: a watermark is moved by every event of a topic, whoever sent it."""
    with stack_of_its_own("kafka", "registry") as stack:
        mine = stack.up()
        yield servers.model_copy(
            update={"kafka_bootstrap": mine.kafka_bootstrap, "schema_registry_url": mine.schema_registry_url}
        )
