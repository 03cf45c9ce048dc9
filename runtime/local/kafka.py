"""Kafka as one KRaft broker."""

from __future__ import annotations

import base64
import subprocess
import uuid
from typing import ClassVar

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from runtime.local.downloads import Download
from runtime.local.errors import ServerError
from runtime.local.java import SHORT_RUN, Java, Requirement
from runtime.local.ports import LOOPBACK, accepts
from runtime.local.process import Command
from runtime.local.server import Server, Site

HEAP = ("-Xms128m", "-Xmx512m")


class Kafka(Server):
    """The broker; its data is in `data`."""

    name: ClassVar[str] = "kafka"
    title: ClassVar[str] = "Kafka"
    given_by: ClassVar[str] = "kafka_bootstrap"
    java: ClassVar[Requirement] = Requirement(17)
    download: ClassVar[Download] = Download("kafka", "Kafka")
    port_names: ClassVar[tuple[str, ...]] = ("port", "controller_port")

    def prepare(self, site: Site, java: Java) -> Command:
        """Format the data folder at the first start."""
        data = site.folder / "data"
        config = site.render(self.recipe / "server.properties", data=data, **site.ports)
        logging = site.render(self.recipe / "log4j2.properties")
        base = (java.command, "-cp", f"{site.files}/*", f"-Dlog4j2.configurationFile={logging}")
        if not (data / "meta.properties").exists():
            cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            tool = (
                *SHORT_RUN,
                "-Xmx128m",
                "kafka.tools.StorageTool",
                "format",
                f"--cluster-id={cluster}",
                "-c",
                config,
            )
            _run(site.command(*base, *tool))
        return site.command(*base, *HEAP, "-XX:+ExitOnOutOfMemoryError", "kafka.Kafka", config)

    def endpoints(self, site: Site) -> dict[str, str]:
        """Its bootstrap address."""
        return {"kafka_bootstrap": f"{LOOPBACK}:{site.port}"}

    def answers(self, site: Site) -> bool:
        """True if it tells who the brokers are."""
        if not accepts(site.port):
            return False
        admin = AdminClient({"bootstrap.servers": f"{LOOPBACK}:{site.port}", "log_level": 0})
        try:
            return bool(admin.list_topics(timeout=5).brokers)
        except KafkaException:
            return False


def _run(command: Command) -> None:
    done = subprocess.run(  # noqa: S603 -- the words are ours
        command.words,
        env=dict(command.environment),
        cwd=command.folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode != 0:
        raise ServerError(f"its data folder could not be formatted\n{(done.stdout + done.stderr)[-2000:]}")


KAFKA = Kafka()
