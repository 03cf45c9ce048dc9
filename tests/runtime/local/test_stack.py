"""What is given is not started, and what is reset is only what is ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.endpoints import endpoints_file
from runtime.local import stack
from runtime.local.doctor import doctor
from runtime.local.folders import write_json
from runtime.settings import Settings, settings

GIVEN = {
    "kafka_bootstrap": "kafka.city.example:9092",
    "schema_registry_url": "https://registry.city.example",
    "elasticsearch_url": "https://search.city.example",
    "mqtt_url": "mqtts://mqtt.city.example",
}


@pytest.fixture
def elsewhere(tmp_path: Path) -> Settings:
    """Settings in which every address is given."""
    return settings().model_copy(update={**GIVEN, "state": tmp_path / "state", "cache": tmp_path / "cache"})


def test_where_every_address_is_given_nothing_is_downloaded_or_started(elsewhere: Settings) -> None:
    found = stack.up(elsewhere)
    assert {name: getattr(found, name) for name in GIVEN} == GIVEN
    assert not elsewhere.cache.exists()
    assert {server.state for server in stack.status(elsewhere)} == {"given"}
    assert [server.address for server in stack.status(elsewhere)] == list(GIVEN.values())
    assert stack.down(elsewhere) == []


def test_an_unknown_server_is_refused(elsewhere: Settings) -> None:
    with pytest.raises(ValueError, match="no such server: kafak"):
        stack.up(elsewhere, servers={"kafak"})


def test_the_file_of_addresses_is_private_and_goes_with_the_servers(elsewhere: Settings) -> None:
    stack.up(elsewhere)
    assert endpoints_file(elsewhere).stat().st_mode & 0o777 == 0o600
    stack.down(elsewhere)
    assert not endpoints_file(elsewhere).exists()


def test_addresses_of_servers_that_died_are_forgotten(elsewhere: Settings) -> None:
    write_json(endpoints_file(elsewhere), {"elasticsearch_password": "of the dead"})
    assert stack.up(elsewhere).elasticsearch_password is None


def test_the_registry_alone_says_that_it_needs_kafka(elsewhere: Settings) -> None:
    alone = elsewhere.model_copy(update={"kafka_bootstrap": None, "schema_registry_url": None})
    with pytest.raises(stack.SetupError, match="Schema registry: it needs Kafka"):
        stack.up(alone, servers={"registry"})


def test_reset_deletes_the_data_and_what_points_into_it_but_nothing_else(elsewhere: Settings) -> None:
    for name in ("kafka", "secrets", "checkpoints", "photos"):
        (elsewhere.state / name).mkdir(parents=True)
    stack.reset(elsewhere)
    assert {path.name for path in elsewhere.state.iterdir()} == {"photos", "up.lock"}


def test_servers_that_never_ran_are_stopped(tmp_path: Path) -> None:
    nowhere = settings().model_copy(update={**dict.fromkeys(GIVEN), "state": tmp_path / "state"})
    assert {server.state for server in stack.status(nowhere)} == {"stopped"}
    assert stack.down(nowhere) == []


def test_doctor_has_a_remedy_for_all_that_is_amiss(elsewhere: Settings) -> None:
    checks = doctor(elsewhere)
    assert {"Java of Elasticsearch", "Java of Spark", "Maven", "memory"} <= {check.name for check in checks}
    assert all(check.remedy for check in checks if not check.ok)
    assert not any(check.ok for check in checks if check.name == "downloads")
