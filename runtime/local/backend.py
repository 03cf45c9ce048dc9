"""What stack needs of a way to run servers: as processes, or as containers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Literal, Protocol

from runtime.local.folders import read_json, write_json
from runtime.local.progress import Progress
from runtime.local.server import Server, Site
from runtime.settings import Settings


@dataclass(frozen=True)
class ServerStatus:
    """A server as it is now. Memory is resident, in MB, of the process and its children."""

    name: str
    title: str
    state: Literal["running", "unhealthy", "stopped", "given"]
    version: str
    address: str | None = None
    pid: int | None = None
    memory_mb: float | None = None
    log: Path | None = None


class Backend(Protocol):
    """Starts, stops and looks at one server at a time."""

    def start(self, server: Server, kafka_bootstrap: str, progress: Progress, cancelled: Event) -> Site:
        """Start it unless it runs, and wait until it answers."""

    def stop(self, server: Server) -> bool:
        """Stop it, keeping its data; True if it ran."""

    def erase(self, server: Server) -> None:
        """Delete what it keeps outside the state folder, after it was stopped."""

    def site(self, server: Server) -> Site | None:
        """Where it runs; None if it does not."""

    def look(self, server: Server) -> ServerStatus:
        """Its state now."""


def last_site(server: Server, settings: Settings) -> Site | None:
    """Where it stood when it was last started."""
    known = read_json(_site_file(server, settings))
    if set(known.get("ports", {})) != set(server.port_names):
        return None
    return site_with(server, settings, known["ports"], known.get("kafka_bootstrap", ""))


def site_with(server: Server, settings: Settings, ports: dict[str, int], kafka_bootstrap: str) -> Site:
    """Where it stands with these ports."""
    files, folder = server.download.folder(settings), settings.state / server.name
    return Site(settings, files, folder, ports, kafka_bootstrap)


def remember(server: Server, site: Site) -> None:
    """Keep its ports for the next start and for those who look."""
    content = {"ports": dict(site.ports), "kafka_bootstrap": site.kafka_bootstrap}
    write_json(_site_file(server, site.settings), content)


def _site_file(server: Server, settings: Settings) -> Path:
    return settings.state / "run" / f"{server.name}.site.json"
