"""All the servers of this machine together: start, stop, look, throw away."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from threading import Event

from runtime.endpoints import Endpoints, endpoints, endpoints_file
from runtime.local.backend import Backend, ServerStatus
from runtime.local.elasticsearch import ELASTICSEARCH
from runtime.local.errors import CancelledError, ServerError, SetupError
from runtime.local.folders import locked, read_json, write_json
from runtime.local.kafka import KAFKA
from runtime.local.mqtt import MQTT
from runtime.local.processes import Processes
from runtime.local.progress import Progress, quiet
from runtime.local.registry import REGISTRY
from runtime.local.server import Server
from runtime.settings import Settings
from runtime.urls import shown

SERVERS: tuple[Server, ...] = (KAFKA, REGISTRY, ELASTICSEARCH, MQTT)
ALL = frozenset(server.name for server in SERVERS)
DATA = (*sorted(ALL), "run", "logs", "secrets", "schemas", "checkpoints", "cursors", "archive")
"""What `reset` deletes of the state; schemas, checkpoints and cursors mean nothing without what they point into."""

Addresses = dict[str, str]


def up(settings: Settings, progress: Progress = quiet, servers: Collection[str] = ALL) -> Endpoints:
    """Start what is neither running nor given, wait until all answers, and write the addresses down.

    Progress is told from several threads.

    Raises:
        SetupError: something is missing on this machine; says what brings it.
        ServerError: a server did not start.
    """
    if unknown := set(servers) - ALL:
        raise ValueError(f"no such server: {', '.join(sorted(unknown))}")
    with _readable_files(), locked(settings.state / "up.lock"):
        backend = _backend(settings)
        wanted = [server for server in SERVERS if server.name in servers and _given(server, settings) is None]
        found = _started(wanted, backend, settings, progress)
        write_json(endpoints_file(settings), {**_kept(backend, settings), **found})
    return endpoints(settings)


def down(settings: Settings, progress: Progress = quiet) -> list[str]:
    """Stop the servers that `up` started, and nothing else; the names of those that ran.

    Raises:
        ServerError: one could not be stopped.
    """
    with locked(settings.state / "up.lock"):
        backend = _backend(settings)
        dependent = [server for server in SERVERS if server.needs_kafka]  # First, or they complain about Kafka.
        others = [server for server in SERVERS if not server.needs_kafka]
        ran = _stopped(dependent, backend, progress) | _stopped(others, backend, progress)
        endpoints_file(settings).unlink(missing_ok=True)
    return [server.name for server in SERVERS if server.name in ran]


def reset(settings: Settings, progress: Progress = quiet) -> list[str]:
    """Stop the servers and delete their data, passwords and logs; downloads stay. The names of those that ran.

    Raises:
        ServerError: one could not be stopped; nothing is deleted then.
    """
    ran = down(settings, progress)
    with locked(settings.state / "up.lock"):
        for server in SERVERS:
            _backend(settings).erase(server)
        for name in DATA:
            shutil.rmtree(settings.state / name, ignore_errors=True)
    return ran


def status(settings: Settings) -> list[ServerStatus]:
    """Every server as it is now, without starting or stopping anything."""
    backend = _backend(settings)

    def look(server: Server) -> ServerStatus:
        given = _given(server, settings)
        return (
            backend.look(server)
            if given is None
            else ServerStatus(server.name, server.title, "given", "", shown(given))
        )

    with ThreadPoolExecutor(len(SERVERS)) as pool:
        return list(pool.map(look, SERVERS))


def _backend(settings: Settings) -> Backend:
    if settings.runtime == "containers":
        from runtime.containers import Containers  # Its library is only there for development.

        return Containers(settings)
    return Processes(settings)


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


def _kept(backend: Backend, settings: Settings) -> Addresses:
    """Addresses written down before, of the servers that still run."""
    known = read_json(endpoints_file(settings))
    sites = [(server, backend.site(server)) for server in SERVERS if _given(server, settings) is None]
    fields = {name for server, site in sites if site is not None for name in server.endpoints(site)}
    return {name: value for name, value in known.items() if name in fields}


def _started(wanted: list[Server], backend: Backend, settings: Settings, progress: Progress) -> Addresses:
    cancelled = Event()
    futures: dict[str, Future[Addresses]] = {}
    with ThreadPoolExecutor(max(1, len(wanted))) as pool:
        for server in wanted:
            kafka = _kafka_for(server, backend, settings, futures.get(KAFKA.name))
            futures[server.name] = pool.submit(_start, server, backend, kafka, progress, cancelled)
        try:
            wait(futures.values(), return_when=FIRST_EXCEPTION)
        finally:
            cancelled.set()  # Those that are done do not mind.
    errors = [error for future in futures.values() if (error := future.exception()) is not None]
    for error in sorted(errors, key=lambda error: isinstance(error, CancelledError)):
        raise error
    return {name: value for future in futures.values() for name, value in future.result().items()}


def _start(
    server: Server, backend: Backend, kafka: Callable[[], str], progress: Progress, cancelled: Event
) -> Addresses:
    bootstrap = kafka()
    try:
        site = backend.start(server, bootstrap, progress, cancelled)
    except (SetupError, ServerError) as error:
        raise type(error)(f"{server.title}: {error}") from error
    progress(f"{server.title}: ready", 1.0)
    return server.endpoints(site)


def _kafka_for(
    server: Server, backend: Backend, settings: Settings, starting: Future[Addresses] | None
) -> Callable[[], str]:
    """Where the server finds Kafka, known once that has started; empty if it needs none."""
    if not server.needs_kafka:
        return lambda: ""
    if starting is not None:
        return lambda: starting.result()[KAFKA.given_by]
    site = backend.site(KAFKA)
    known = _given(KAFKA, settings) or (KAFKA.address(site) if site else None)
    if known is None:
        raise SetupError(f"{server.title}: it needs Kafka: start that too, or set KAFKA_BOOTSTRAP")
    return lambda: known


def _stopped(servers: list[Server], backend: Backend, progress: Progress) -> set[str]:
    def stop(server: Server) -> bool:
        progress(f"{server.title}: stopping", None)
        ran = backend.stop(server)
        progress(f"{server.title}: stopped", 1.0)
        return ran

    with ThreadPoolExecutor(len(servers)) as pool:
        return {server.name for server, ran in zip(servers, pool.map(stop, servers), strict=True) if ran}
