"""All the servers of this machine together: start, stop, look, throw away."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Literal

from runtime.endpoints import Endpoints, endpoints, endpoints_file
from runtime.local import process
from runtime.local.downloads import fetched
from runtime.local.elasticsearch import ELASTICSEARCH
from runtime.local.errors import CancelledError, ServerError, SetupError
from runtime.local.folders import locked, read_json, write_json
from runtime.local.java import Java, java_for
from runtime.local.kafka import KAFKA
from runtime.local.mqtt import MQTT
from runtime.local.ports import chosen
from runtime.local.progress import Progress, quiet
from runtime.local.registry import REGISTRY
from runtime.local.server import Server, Site
from runtime.settings import Settings

SERVERS: tuple[Server, ...] = (KAFKA, REGISTRY, ELASTICSEARCH, MQTT)
ALL = frozenset(server.name for server in SERVERS)
DATA = (*sorted(ALL), "run", "logs", "secrets", "checkpoints", "cursors")
"""What `reset` deletes of the state; checkpoints and cursors mean nothing without the data they point into."""
RECOVERY_SECONDS = 45
PORT_ATTEMPTS = 3
PORT_TAKEN = ("already in use", "BindException", "already bound")


@dataclass(frozen=True)
class ServerStatus:
    """A server as it is now. Memory is that of the process and its children, resident, in MB."""

    name: str
    title: str
    state: Literal["running", "unhealthy", "stopped", "given"]
    version: str
    address: str | None = None
    pid: int | None = None
    memory_mb: float | None = None
    log: Path | None = None


def up(settings: Settings, progress: Progress = quiet, servers: Collection[str] = ALL) -> Endpoints:
    """Start what is neither running nor given, wait until all answers, and write the addresses down.

    Raises:
        SetupError: something is missing on this machine; says what brings it.
        ServerError: a server did not start; the others go on.
    """
    if unknown := set(servers) - ALL:
        raise ValueError(f"no such server: {', '.join(sorted(unknown))}")
    with _readable_files(), locked(settings.state / "up.lock"):
        wanted = [server for server in SERVERS if server.name in servers and _given(server, settings) is None]
        found = _started(wanted, settings, progress)
        known = {**_kept(settings), **{name: value for part in found for name, value in part.items()}}
        write_json(endpoints_file(settings), known)
    return endpoints(settings)


def down(settings: Settings, progress: Progress = quiet) -> list[str]:
    """Stop the servers that `up` started, and nothing else; the names of those that ran.

    Raises:
        ServerError: one could not be stopped.
    """
    with locked(settings.state / "up.lock"), ThreadPoolExecutor(len(SERVERS)) as pool:
        registry = _stopped(REGISTRY, settings, progress)  # First, or it complains about Kafka.
        others = [server for server in SERVERS if server is not REGISTRY]
        ran = dict(zip(others, pool.map(lambda server: _stopped(server, settings, progress), others), strict=True))
        endpoints_file(settings).unlink(missing_ok=True)
    return [server.name for server in SERVERS if (registry if server is REGISTRY else ran[server])]


def reset(settings: Settings, progress: Progress = quiet) -> list[str]:
    """Stop the servers and delete their data, passwords and logs; downloads stay. The names of those that ran."""
    ran = down(settings, progress)
    with locked(settings.state / "up.lock"):
        for name in DATA:
            shutil.rmtree(settings.state / name, ignore_errors=True)
    return ran


def status(settings: Settings) -> list[ServerStatus]:
    """Every server as it is now, without starting or stopping anything."""
    with ThreadPoolExecutor(len(SERVERS)) as pool:
        return list(pool.map(lambda server: _status(server, settings), SERVERS))


@contextmanager
def _readable_files() -> Iterator[None]:
    """Elasticsearch of root runs as nobody and must read what root makes, whatever root's umask."""
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)


def _given(server: Server, settings: Settings) -> str | None:
    value: str | None = getattr(settings, server.given_by)
    return value


def _kept(settings: Settings) -> dict[str, str]:
    """Addresses written down before, of the servers that still run."""
    known = read_json(endpoints_file(settings))
    sites = [(server, _last_site(server, settings)) for server in SERVERS if _given(server, settings) is None]
    fields = {name for server, site in sites if site and _lives(server, settings) for name in server.endpoints(site)}
    return {name: value for name, value in known.items() if name in fields}


def _lives(server: Server, settings: Settings) -> bool:
    running = process.recorded(_pid_file(server, settings))
    return running is not None and process.is_running(running)


def _started(wanted: list[Server], settings: Settings, progress: Progress) -> list[dict[str, str]]:
    cancelled = Event()
    futures: dict[str, Future[dict[str, str]]] = {}
    with ThreadPoolExecutor(max(1, len(wanted))) as pool:
        for server in wanted:
            kafka = futures.get(KAFKA.name) if server.needs_kafka else None
            futures[server.name] = pool.submit(_start, server, settings, kafka, progress, cancelled)
        try:
            wait(futures.values(), return_when=FIRST_EXCEPTION)
        finally:
            cancelled.set()  # Those that are done do not mind.
    errors = [error for future in futures.values() if (error := future.exception()) is not None]
    for error in sorted(errors, key=lambda error: isinstance(error, CancelledError)):
        raise error
    return [future.result() for future in futures.values()]


def _start(
    server: Server, settings: Settings, kafka: Future[dict[str, str]] | None, progress: Progress, cancelled: Event
) -> dict[str, str]:
    try:
        files = fetched(server.download, settings, progress, cancelled)
        java = java_for(server.java, server.title, progress)
        bootstrap = _kafka_for(server, settings, kafka)
        site = _running_site(server, settings, bootstrap, cancelled)
        if site is None:
            progress(f"{server.title}: starting", None)
            site = _launched(server, settings, bootstrap, files, java, cancelled)
    except (SetupError, ServerError) as error:
        raise type(error)(f"{server.title}: {error}") from error
    progress(f"{server.title}: ready", 1.0)
    return server.endpoints(site)


def _kafka_for(server: Server, settings: Settings, kafka: Future[dict[str, str]] | None) -> str:
    if not server.needs_kafka:
        return ""
    if kafka is not None:
        return kafka.result()["kafka_bootstrap"]
    known = _given(KAFKA, settings) or _kept(settings).get("kafka_bootstrap")
    if known is None:
        raise SetupError("it needs Kafka: start it too, or set KAFKA_BOOTSTRAP")
    return str(known)


def _running_site(server: Server, settings: Settings, bootstrap: str, cancelled: Event) -> Site | None:
    """The site of a server that already runs and answers; None if it must be started."""
    site, running = _last_site(server, settings), process.recorded(_pid_file(server, settings))
    if site is None or running is None or site.kafka_bootstrap != bootstrap or not process.is_running(running):
        return None
    try:
        _await(server, site, running, RECOVERY_SECONDS, cancelled)
    except ServerError:
        return None
    return site


def _launched(server: Server, settings: Settings, bootstrap: str, files: Path, java: Java, cancelled: Event) -> Site:
    pid_file, log = _pid_file(server, settings), _log(server, settings)
    process.stop(pid_file)  # A hung one, or what is left of one that was killed.
    last = _last_site(server, settings)
    for attempt in range(1, PORT_ATTEMPTS + 1):
        ports = chosen(server.port_names, last.ports if last and attempt == 1 else {})
        site = Site(settings, files, settings.state / server.name, ports, bootstrap)
        site.folder.mkdir(parents=True, exist_ok=True)
        site.folder.chmod(0o700)
        write_json(_site_file(server, settings), {"ports": ports, "kafka_bootstrap": bootstrap})
        running = process.start(server.prepare(site, java), pid_file, log)
        try:
            _await(server, site, running, server.start_seconds, cancelled)
        except ServerError as error:
            process.stop(pid_file)
            if attempt == PORT_ATTEMPTS or not any(sign in str(error) for sign in PORT_TAKEN):
                raise
        else:
            break
    return site


def _await(server: Server, site: Site, running: process.Running, seconds: float, cancelled: Event) -> None:
    log = _log(server, site.settings)
    process.wait_until(lambda: server.answers(site), running, log, seconds, cancelled)


def _stopped(server: Server, settings: Settings, progress: Progress) -> bool:
    pid_file = _pid_file(server, settings)
    if not pid_file.exists():
        return False
    progress(f"{server.title}: stopping", None)
    return process.stop(pid_file)


def _status(server: Server, settings: Settings) -> ServerStatus:
    name, title, version = server.name, server.title, server.download.version
    if (given := _given(server, settings)) is not None:
        return ServerStatus(name, title, "given", "", given)
    site, running = _last_site(server, settings), process.recorded(_pid_file(server, settings))
    log = _log(server, settings)
    if site is None or running is None or not process.members(running):
        return ServerStatus(name, title, "stopped", version, log=log)
    healthy = process.is_running(running) and server.answers(site)
    address = next(iter(server.endpoints(site).values()))
    memory = process.memory_mb(running)
    return ServerStatus(name, title, "running" if healthy else "unhealthy", version, address, running.pid, memory, log)


def _last_site(server: Server, settings: Settings) -> Site | None:
    known = read_json(_site_file(server, settings))
    if set(known.get("ports", {})) != set(server.port_names):
        return None
    files, folder = server.download.folder(settings), settings.state / server.name
    return Site(settings, files, folder, known["ports"], known.get("kafka_bootstrap", ""))


def _site_file(server: Server, settings: Settings) -> Path:
    return settings.state / "run" / f"{server.name}.site.json"


def _pid_file(server: Server, settings: Settings) -> Path:
    return settings.state / "run" / f"{server.name}.pid.json"


def _log(server: Server, settings: Settings) -> Path:
    return settings.state / "logs" / f"{server.name}.log"
