"""The fault laboratory: a file or two for each row of the matrix, with real servers.

Rows that kill or halt servers take a `Stack` of their own (below, or `stack_of_its_own`); the others use the `servers`
of the whole run. What takes more than some twenty seconds, or halts servers, is marked `faults` and left to
`make faults`; for a row of which nothing remains then, `make test` has the same code in tests of its parts.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jobs.engine.context import Context
from runtime.endpoints import Endpoints
from tests.servers.drivers import begin_anew
from tests.servers.stacks import Stack, stack_of_its_own


@pytest.fixture(scope="session")
def own_kafka() -> Iterator[Stack]:
    """Kafka, registry and MQTT broker, for tests to harm; each leaves them running."""
    with stack_of_its_own("kafka", "registry", "mqtt") as made:
        yield made


@pytest.fixture(scope="module")
def own_servers() -> Iterator[Stack]:
    """All the servers, for one file's tests to harm; each leaves them running."""
    with stack_of_its_own("kafka", "registry", "elasticsearch", "mqtt") as made:
        yield made


@pytest.fixture(scope="session")
def _laboratory(servers: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Context:
    made = Context(servers, tmp_path_factory.mktemp("faults"), max_offsets_per_trigger=2500)
    made.prepare()
    return made


@pytest.fixture
def context(_laboratory: Context) -> Context:
    """The test servers with folders of this laboratory's own and small micro-batches."""
    begin_anew(_laboratory)  # what a test before began in folders of its own
    return _laboratory
