"""Servers as processes of this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from threading import Event

from runtime.local import process
from runtime.local.backend import ServerStatus, last_site, remember, site_with
from runtime.local.downloads import fetched
from runtime.local.errors import CancelledError, ServerError
from runtime.local.java import Java, java_for
from runtime.local.ports import chosen
from runtime.local.progress import Progress
from runtime.local.server import Server, Site
from runtime.settings import Settings

RECOVERY_SECONDS = 45
PORT_ATTEMPTS = 3
PORT_TAKEN = ("already in use", "BindException", "BindTransportException", "BindHttpException", "already bound")


@dataclass(frozen=True)
class Processes:
    """A process in a session of its own for each server; logs and pid files are in the state folder."""

    settings: Settings

    def start(self, server: Server, kafka_bootstrap: str, progress: Progress, cancelled: Event) -> Site:
        """Download and start it unless it runs, and wait until it answers.

        Raises:
            SetupError: something is missing on this machine.
            ServerError: it did not start.
        """
        fetched(server.download, self.settings, progress, cancelled)
        java = java_for(server.java, server.title, progress)
        site = self._running(server, kafka_bootstrap, cancelled)
        if site is None:
            if cancelled.is_set():
                raise CancelledError
            progress(f"{server.title}: starting", None)
            site = self._launched(server, kafka_bootstrap, java, cancelled)
        return site

    def stop(self, server: Server) -> bool:
        """End its process and the children of it; True if any lived."""
        return process.stop(self._pid_file(server))

    def erase(self, server: Server) -> None:
        """Nothing is kept outside the state folder."""

    def site(self, server: Server) -> Site | None:
        """Where it runs; None if its process does not live."""
        running = process.recorded(self._pid_file(server))
        return last_site(server, self.settings) if running and process.is_running(running) else None

    def look(self, server: Server) -> ServerStatus:
        """Its state now."""
        log = self._log(server)
        site, running = last_site(server, self.settings), process.recorded(self._pid_file(server))
        if site is None or running is None or not process.members(running):
            return ServerStatus(server.name, server.title, "stopped", server.download.version, log=log)
        return ServerStatus(
            name=server.name,
            title=server.title,
            state="running" if process.is_running(running) and server.answers(site) else "unhealthy",
            version=server.download.version,
            address=server.address(site),
            pid=running.pid,
            memory_mb=process.memory_mb(running),
            log=log,
        )

    def _running(self, server: Server, kafka_bootstrap: str, cancelled: Event) -> Site | None:
        site, running = self.site(server), process.recorded(self._pid_file(server))
        if site is None or running is None or site.kafka_bootstrap != kafka_bootstrap:
            return None
        try:
            self._await(server, site, running, RECOVERY_SECONDS, cancelled)
        except ServerError:
            return None
        return site

    def _launched(self, server: Server, kafka_bootstrap: str, java: Java, cancelled: Event) -> Site:
        self.stop(server)  # A hung one, or what is left of one that was killed.
        last = last_site(server, self.settings)
        known = last.ports if last else {}
        for attempt in range(1, PORT_ATTEMPTS + 1):
            ports = chosen(server.port_names, known if attempt == 1 else {})
            site = site_with(server, self.settings, ports, kafka_bootstrap)
            site.folder.mkdir(parents=True, exist_ok=True)
            site.folder.chmod(0o700)
            remember(server, site)
            running = process.start(server.prepare(site, java), self._pid_file(server), self._log(server))
            try:
                self._await(server, site, running, server.start_seconds, cancelled)
            except ServerError:
                self.stop(server)
                if attempt == PORT_ATTEMPTS or not process.says(self._log(server), *PORT_TAKEN):
                    raise
            else:
                break
        return site

    def _await(self, server: Server, site: Site, running: process.Running, seconds: float, cancelled: Event) -> None:
        process.wait_until(lambda: server.answers(site), running, self._log(server), seconds, cancelled)

    def _pid_file(self, server: Server) -> Path:
        return self.settings.state / "run" / f"{server.name}.pid.json"

    def _log(self, server: Server) -> Path:
        return self.settings.state / "logs" / f"{server.name}.log"
