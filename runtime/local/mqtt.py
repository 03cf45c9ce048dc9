"""The MQTT 5 broker: ActiveMQ Artemis, for one user with a password."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import aiomqtt

from runtime.local.downloads import Download, without_top
from runtime.local.folders import secret, write_private
from runtime.local.java import Java, Requirement
from runtime.local.ports import LOOPBACK, accepts
from runtime.local.process import Command
from runtime.local.server import Server, Site

HEAP = ("-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError")
USER = "city"


class Mqtt(Server):
    """The broker; sessions and waiting messages are in `data`."""

    name: ClassVar[str] = "mqtt"
    title: ClassVar[str] = "MQTT broker"
    given_by: ClassVar[str] = "mqtt_url"
    java: ClassVar[Requirement] = Requirement(17)
    download: ClassVar[Download] = Download("mqtt", "MQTT broker", without_top)

    def prepare(self, site: Site, java: Java) -> Command:
        """Write the broker's configuration and its one user."""
        broker = site.render(self.recipe / "broker.xml", data=site.folder / "data", port=site.port)
        site.render(self.recipe / "bootstrap.xml", config=broker.as_uri())
        site.render(self.recipe / "management.xml")
        login = site.render(self.recipe / "login.config")
        logging = site.render(self.recipe / "log4j2.properties")
        etc = broker.parent
        write_private(etc / "artemis-users.properties", f"{USER} = {secret(site.settings.state, self.name)}\n")
        write_private(etc / "artemis-roles.properties", f"city = {USER}\n")
        options = {
            "artemis.home": site.files,
            "artemis.instance": site.folder,
            "artemis.instance.etc": etc,
            "data.dir": site.folder / "data",
            "java.security.auth.login.config": login,
            "java.io.tmpdir": site.folder,
            "log4j2.configurationFile": logging,
            "log4j2.disableJmx": "true",
        }
        words = [f"-D{name}={value}" for name, value in options.items()]
        boot = ("-cp", site.files / "lib/artemis-boot.jar", "org.apache.activemq.artemis.boot.Artemis", "run")
        opens = "--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED"
        return site.command(java.command, *HEAP, opens, *words, *boot)

    def endpoints(self, site: Site) -> dict[str, str]:
        """Its address and its user."""
        password = secret(site.settings.state, self.name)
        return {"mqtt_url": f"mqtt://{LOOPBACK}:{site.port}", "mqtt_user": USER, "mqtt_password": password}

    def answers(self, site: Site) -> bool:
        """True if it lets a client in."""
        return accepts(site.port) and asyncio.run(_connects(site.port, secret(site.settings.state, self.name)))


async def _connects(port: int, password: str) -> bool:
    try:
        async with aiomqtt.Client(
            LOOPBACK, port, username=USER, password=password, protocol=aiomqtt.ProtocolVersion.V5, timeout=5
        ):
            return True
    except aiomqtt.MqttError:
        return False


MQTT = Mqtt()
