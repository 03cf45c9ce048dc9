"""The schema registry: Apicurio, with the Confluent API, its subjects kept in Kafka."""

from __future__ import annotations

from typing import ClassVar

import httpx2

from runtime.local.downloads import Download
from runtime.local.java import Java, Requirement
from runtime.local.ports import LOOPBACK, accepts
from runtime.local.process import Command
from runtime.local.server import Server, Site

HEAP = ("-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError")
CONFLUENT_API = "/apis/ccompat/v7"


class Registry(Server):
    """The registry; it keeps nothing on disk."""

    name: ClassVar[str] = "registry"
    title: ClassVar[str] = "Schema registry"
    given_by: ClassVar[str] = "schema_registry_url"
    java: ClassVar[Requirement] = Requirement(17)
    download: ClassVar[Download] = Download("registry", "Schema registry")
    needs_kafka: ClassVar[bool] = True

    def prepare(self, site: Site, java: Java) -> Command:
        """All its configuration is in the command."""
        words = [f"-D{name}={value}" for name, value in options(site).items()]
        words.append(f"-Djava.io.tmpdir={site.folder}")
        jar = site.files / f"apicurio-registry-app-{self.download.version}-runner.jar"
        return site.command(java.command, *HEAP, *words, "-jar", jar)

    def endpoints(self, site: Site) -> dict[str, str]:
        """The address of its Confluent API."""
        return {"schema_registry_url": f"http://{LOOPBACK}:{site.port}{CONFLUENT_API}"}

    def answers(self, site: Site) -> bool:
        """True if it has read its subjects back from Kafka and lists them."""
        if not accepts(site.port):
            return False
        root = f"http://{LOOPBACK}:{site.port}"
        urls = (f"{root}/health/ready", f"{root}{CONFLUENT_API}/subjects")
        try:
            return all(httpx2.get(url, timeout=5, trust_env=False).status_code == 200 for url in urls)
        except httpx2.HTTPError:
            return False


def options(site: Site) -> dict[str, object]:
    """Its configuration."""
    return {
        "apicurio.storage.kind": "kafkasql",
        "apicurio.kafkasql.bootstrap.servers": site.kafka_bootstrap,
        "quarkus.http.host": LOOPBACK,
        "quarkus.http.port": site.port,
        "quarkus.http.access-log.enabled": "false",
    }


REGISTRY = Registry()
