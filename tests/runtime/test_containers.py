"""The containers are configured like the processes. They are not started here."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import pytest

from runtime import containers
from runtime.containers import IMAGES, Containers
from runtime.local.backend import site_with
from runtime.local.errors import SetupError
from runtime.local.kafka import KAFKA
from runtime.local.progress import quiet
from runtime.local.server import Server
from runtime.local.stack import SERVERS
from runtime.settings import Settings, settings


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return settings().model_copy(update={"state": tmp_path})


def environment(server: Server, here: Settings) -> dict[str, str]:
    ports = {name: 20000 + number for number, name in enumerate(server.port_names)}
    return IMAGES[server.name][1](server, site_with(server, here, ports, "127.0.0.1:9092"))


def test_every_server_has_an_image() -> None:
    assert set(IMAGES) == {server.name for server in SERVERS}


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.name)
def test_a_container_listens_on_the_port_of_its_server_on_the_loopback_only(server: Server, here: Settings) -> None:
    values = " ".join(environment(server, here).values())
    assert "20000" in values
    assert "127.0.0.1" in values
    assert "0.0.0.0" not in values  # noqa: S104 -- that is the point
    assert "$" not in values


def test_kafka_keeps_the_settings_of_the_process(here: Settings) -> None:
    found = environment(KAFKA, here)
    assert found["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert found["KAFKA_CONTROLLER_QUORUM_VOTERS"] == "1@127.0.0.1:20001"


def test_without_an_engine_one_line_says_what_to_do(here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_engine() -> None:
        raise containers.DockerException("connection refused")

    monkeypatch.setattr(containers, "DockerClient", no_engine)
    with pytest.raises(SetupError, match="no Docker engine can be reached"):
        Containers(here).start(KAFKA, "", quiet, Event())
