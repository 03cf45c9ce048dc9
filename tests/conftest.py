"""Fixtures every test may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from garonne.submit import DAEMON, INTERPRETED, QUICK_START, SPARK_JAVA
from jobs.engine.session import AVRO_LIMITS, session
from runtime.endpoints import Endpoints
from runtime.local import stack
from runtime.local.downloads import spark_jars
from runtime.local.java import java_for
from runtime.settings import Settings, settings
from schemas import contracts
from tests.servers.stacks import delete_topics, stack_of_its_own, temporary_settings

# Servers of a test run live for minutes: half of what Elasticsearch computes at its start is compiling itself.
os.environ.setdefault("GARONNE_SERVERS_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


HEAVY = {"servers", "spark", "slow", "browser"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that start something come first: with two runs side by side, many small ones are left for the end."""
    heavy = {item.path for item in items if HEAVY & {mark.name for mark in item.iter_markers()}}
    items.sort(key=lambda item: item.path not in heavy)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Samples of others; they stand beside the project, and not everywhere."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the folder of shared samples is not here")
    return SHARED_DATA


@pytest.fixture(scope="session")
def server_settings() -> Iterator[Settings]:
    """Settings of the test servers: a state of their own, the shared downloads, and the addresses that are given."""
    with temporary_settings() as own:
        yield own


@pytest.fixture(scope="session")
def servers(server_settings: Settings) -> Endpoints:
    """Addresses of Kafka, registry, Elasticsearch and MQTT broker, started once for the whole run."""
    return stack.up(server_settings)


@pytest.fixture(scope="session")
def _second_kafka() -> Iterator[Endpoints]:
    with stack_of_its_own("kafka", "registry") as second:
        yield second.up()


@pytest.fixture(scope="module")
def own_topics(servers: Endpoints, _second_kafka: Endpoints) -> Iterator[Endpoints]:
    """Topics of a module's own: a watermark is moved by every event of a topic, whoever sent it."""
    kafka, registry = _second_kafka.kafka_bootstrap, _second_kafka.schema_registry_url
    yield servers.model_copy(update={"kafka_bootstrap": kafka, "schema_registry_url": registry})
    delete_topics(kafka, {c.topic for c in contracts().values() if c.has_topic})


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """One small session for the whole run; compiled code costs more than it saves on a few rows."""
    folder = tmp_path_factory.mktemp("spark")
    os.environ["JAVA_HOME"] = str(java_for(SPARK_JAVA, "Spark").home)
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    started = session(
        "garonne-tests",
        {
            "spark.master": "local[2,4]",
            "spark.jars": ",".join(map(str, spark_jars(settings()))),
            **INTERPRETED,
            **dict([DAEMON.split("=")]),
            "spark.sql.warehouse.dir": str(folder / "warehouse"),
            "spark.local.dir": str(folder / "local"),
            "spark.driver.extraJavaOptions": f"{QUICK_START} {AVRO_LIMITS} -XX:+UseSerialGC -Duser.timezone=UTC",
        },
    )
    yield started
    started.stop()
