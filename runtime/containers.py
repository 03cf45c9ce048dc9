"""The same servers as containers, where a Docker engine is: chosen by RUNTIME=containers.

They use the host's network, so that they listen on the loopback alone, as the processes do. Their data is inside them
until they are erased. Docker's reaper is off, since a server outlives the command that starts it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from string import Template
from threading import Event
from typing import Any

import yaml
from docker.errors import DockerException, NotFound  # type: ignore[import-untyped]
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient

from runtime.local import elasticsearch, kafka, mqtt, registry
from runtime.local.backend import ServerStatus, last_site, remember, site_with
from runtime.local.errors import CancelledError, ServerError, SetupError
from runtime.local.folders import secret
from runtime.local.ports import LOOPBACK, chosen
from runtime.local.progress import Progress
from runtime.local.server import Server, Site
from runtime.settings import Settings

STOP_SECONDS = 30
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Containers:
    """A container for each server, named after the state folder it belongs to."""

    settings: Settings

    def start(self, server: Server, kafka_bootstrap: str, progress: Progress, cancelled: Event) -> Site:
        """Make the container or start it again, and wait until the server answers.

        Raises:
            SetupError: no Docker engine can be reached.
            ServerError: the image is not there, or the server does not answer.
        """
        known = self.site(server)
        if known is not None and known.kafka_bootstrap == kafka_bootstrap and server.answers(known):
            return known
        progress(f"{server.title}: starting its container", None)
        site = last_site(server, self.settings)
        if site is None or site.kafka_bootstrap != kafka_bootstrap:
            self.erase(server)
            site = site_with(server, self.settings, chosen(server.port_names, {}), kafka_bootstrap)
            remember(server, site)
        try:
            container = self._found(server)
            if container is not None:
                container.start()
            else:
                testcontainers_config.ryuk_disabled = True
                specified(server, site).with_name(self._name(server)).start()
        except DockerException as error:
            raise ServerError(f"its container does not start: {error}") from error
        self._await(server, site, cancelled)
        return site

    def stop(self, server: Server) -> bool:
        """Stop its container; True if it ran."""
        container = self._found(server)
        if container is None or container.status != "running":
            return False
        container.stop(timeout=STOP_SECONDS)
        return True

    def erase(self, server: Server) -> None:
        """Delete its container with the data in it."""
        container = self._found(server)
        if container is not None:
            container.remove(force=True, v=True)

    def site(self, server: Server) -> Site | None:
        """Where it runs; None if its container does not."""
        container = self._found(server)
        return last_site(server, self.settings) if container is not None and container.status == "running" else None

    def look(self, server: Server) -> ServerStatus:
        """Its state now."""
        site = self.site(server)
        if site is None:
            return ServerStatus(server.name, server.title, "stopped", server.download.version)
        return ServerStatus(
            name=server.name,
            title=server.title,
            state="running" if server.answers(site) else "unhealthy",
            version=server.download.version,
            address=server.address(site),
        )

    def _found(self, server: Server) -> Any:
        try:
            return DockerClient().client.containers.get(self._name(server))
        except NotFound:
            return None
        except DockerException as error:
            raise SetupError(f"no Docker engine can be reached; start it, or unset RUNTIME: {error}") from error

    def _await(self, server: Server, site: Site, cancelled: Event) -> None:
        until = time.monotonic() + server.start_seconds
        while not server.answers(site):
            if time.monotonic() > until:
                raise ServerError(f"no answer in {server.start_seconds:.0f} s: see 'docker logs {self._name(server)}'")
            if cancelled.wait(POLL_SECONDS):
                raise CancelledError

    def _name(self, server: Server) -> str:
        state = hashlib.sha256(str(self.settings.state).encode()).hexdigest()[:12]
        return f"garonne-{state}-{server.name}"


def specified(server: Server, site: Site) -> DockerContainer:
    """The container of a server, not started: its image, with its configuration as environment."""
    image, environment = IMAGES[server.name]
    container = DockerContainer(f"{image}:{server.download.version}").with_kwargs(network_mode="host")
    for name, value in environment(server, site).items():
        container.with_env(name, value)
    return container


def _kafka(server: Server, site: Site) -> dict[str, str]:
    text = (server.recipe / "server.properties").read_text(encoding="utf-8")
    filled = Template(text).substitute(site.ports, data="/var/lib/kafka/data")
    lines = [line.partition("=") for line in filled.splitlines() if "=" in line and not line.startswith("#")]
    found = {f"KAFKA_{name.upper().replace('.', '_')}": value for name, _, value in lines}
    return {**found, "KAFKA_HEAP_OPTS": " ".join(kafka.HEAP)}


def _registry(_: Server, site: Site) -> dict[str, str]:
    options = {name.upper().replace(".", "_"): str(value) for name, value in registry.options(site).items()}
    return {**options, "JAVA_OPTS_APPEND": " ".join(registry.HEAP)}


def _elasticsearch(server: Server, site: Site) -> dict[str, str]:
    text = (server.recipe / "elasticsearch.yml").read_text(encoding="utf-8")
    filled = yaml.safe_load(Template(text).substitute(site.ports, data="", logs=""))
    found = {name: _setting(value) for name, value in filled.items() if not name.startswith("path.")}
    password = secret(site.settings.state, server.name)
    return {**found, "ELASTIC_PASSWORD": password, "ES_JAVA_OPTS": " ".join(elasticsearch.HEAP)}


def _mqtt(server: Server, site: Site) -> dict[str, str]:
    only_mqtt = "--no-mqtt-acceptor --no-amqp-acceptor --no-stomp-acceptor --no-hornetq-acceptor --no-web"
    listens = f"--host {LOOPBACK} --default-port {site.port} {only_mqtt}"
    return {
        "ARTEMIS_USER": mqtt.USER,
        "ARTEMIS_PASSWORD": secret(site.settings.state, server.name),
        "ANONYMOUS_LOGIN": "false",
        "EXTRA_ARGS": f"{listens} --nio --no-autotune --java-options=-Xmx256m",
    }


def _setting(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


IMAGES: dict[str, tuple[str, Callable[[Server, Site], dict[str, str]]]] = {
    "kafka": ("apache/kafka", _kafka),
    "registry": ("apicurio/apicurio-registry", _registry),
    "elasticsearch": ("elasticsearch", _elasticsearch),
    "mqtt": ("apache/activemq-artemis", _mqtt),
}
"""Image of each server, whose tag is the server's version, and how it is configured."""
