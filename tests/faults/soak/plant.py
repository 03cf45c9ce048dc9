"""The whole pipeline, running on a state folder of its own: servers, simulated city, connectors and jobs."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from threading import Event
from typing import Any

import httpx2

from connectors.cursor import Cursor, cursor_path
from connectors.feed import Feed, load_feeds
from connectors.transports import mqtt
from garonne.demo import parts
from jobs.engine.context import Context
from runtime.endpoints import endpoints
from runtime.local import process, quiet, spark_jars, stack
from runtime.local.processes import Processes
from runtime.local.server import Server
from runtime.processes import running
from runtime.settings import PROJECT, Settings
from tests.faults.background import in_background
from tests.faults.proxy import Proxy, before
from tests.faults.soak.city import Life
from tests.faults.soak.units import Unit, kept

START_SECONDS = 300
SIMULATOR = "simulator"
UPKEEP = {"GARONNE_REPAIR_SECONDS": "30", "GARONNE_LEDGER_SECONDS": "30"}  # so that a soak of minutes sees both


@dataclass
class Plant:
    """The running pipeline."""

    settings: Settings
    life: Life
    units: Mapping[str, Unit]
    door: Proxy  # what the connectors reach the city's web server through
    city_url: str
    letters: set[str] = field(default_factory=set)  # ids of the dead letters that poison has to become
    bursts: list[Path] = field(default_factory=list)  # files dropped beside those of the city

    @cached_property
    def context(self) -> Context:
        """Addresses, registry and Elasticsearch."""
        return Context.of(self.settings)

    @property
    def drop_folder(self) -> Path:
        """Where files for the connectors go."""
        return _drop_folder(self.settings)

    @property
    def feeds(self) -> list[Feed]:
        """The feeds of the connectors."""
        return load_feeds(parts.FEEDS, _variables(self.settings, self.door))

    def status(self) -> dict[str, Any]:
        """What the city says of itself."""
        return dict(httpx2.get(f"{self.city_url}/status", timeout=30, trust_env=False).json())


@contextmanager
def pipeline(settings: Settings, life: Life, say: Callable[[str], None]) -> Iterator[Plant]:
    """The pipeline from an empty state, looked after; ended whatever happens. Its data and logs stay."""
    _end(settings)
    stack.reset(settings)
    for name in ("drop", "parts", "processes"):
        shutil.rmtree(settings.state / name, ignore_errors=True)
    try:
        say("servers")
        Context(stack.up(settings), settings.state).prepare()
        spark_jars(settings)
        units = {name: _server(settings, name) for name in sorted(stack.ALL)}
        say("jobs")
        drivers = {part.name: _part(settings, part, UPKEEP) for part in parts.drivers()}
        for driver in drivers.values():
            driver.start()
        for driver in drivers.values():
            driver.wait_until_ready(START_SECONDS)
        units |= drivers
        say("city and connectors")
        city_url = _city(settings, life)
        units[SIMULATOR] = _unit(settings, SIMULATOR, lambda: None, lambda: True, restarts=False)
        with in_background(before(city_url).running()) as door:
            units["connectors"] = _part(settings, parts.connectors(), _variables(settings, door))
            units["connectors"].start()
            plant = Plant(settings, life, units, door, city_url)
            _wait_until_it_lives(plant)
            with kept(list(units.values())):
                yield plant
    finally:
        _end(settings)


def _end(settings: Settings) -> None:
    parts.stop(settings)
    stack.down(settings)


def _server(settings: Settings, name: str) -> Unit:
    backend = Processes(settings)
    server = next(s for s in stack.SERVERS if s.name == name)
    bootstrap = endpoints(settings).kafka_bootstrap if server.needs_kafka else ""
    return Unit(
        name=name,
        pid_file=settings.state / "run" / f"{name}.pid.json",
        log=settings.state / "logs" / f"{name}.log",
        start=lambda: _start(backend, server, bootstrap),
        is_ready=lambda: backend.look(server).state == "running",
    )


def _start(backend: Processes, server: Server, bootstrap: str) -> None:
    backend.start(server, bootstrap, quiet, Event())


def _part(settings: Settings, part: parts.Part, variables: Mapping[str, str]) -> Unit:
    return _unit(
        settings, part.name, partial(parts.start, settings, part, variables), partial(_is_announced, settings, part)
    )


def _unit(
    settings: Settings, name: str, start: Callable[[], None], is_ready: Callable[[], bool], *, restarts: bool = True
) -> Unit:
    return Unit(name, parts.pid_file(settings, name), parts.log_of(settings, name), start, is_ready, restarts)


def _is_announced(settings: Settings, part: parts.Part) -> bool:
    found = process.recorded(parts.pid_file(settings, part.name))
    return found is not None and any(p.name == part.name and p.pid == found.pid for p in running(settings))


def _city(settings: Settings, life: Life) -> str:
    """Start the city's process; its address."""
    url_file, drop = settings.state / "simulator.url", _drop_folder(settings)
    url_file.unlink(missing_ok=True)
    drop.mkdir(parents=True)
    words = [*life.words, "--url-file", str(url_file), "--drop-folder", str(drop)]
    command = [sys.executable, "-m", "tests.faults.soak.city", *words]
    environment = {**os.environ, "GARONNE_STATE": str(settings.state)}
    log = parts.log_of(settings, SIMULATOR)
    process.start(process.Command(command, environment, PROJECT), parts.pid_file(settings, SIMULATOR), log)
    _wait_for(url_file.exists, "the city answers", log)
    return url_file.read_text(encoding="utf-8").strip()


def _wait_until_it_lives(plant: Plant) -> None:
    """Until the city's clock runs; by then every topic has to be subscribed to, or messages would be sent to no one."""
    log = plant.units["connectors"].log
    _wait_for(lambda: all(_is_subscribed(plant, f) for f in plant.feeds), "the feeds are subscribed", log)
    if plant.status()["phase"] != "waiting":
        raise RuntimeError("the city lived before the connectors had subscribed")
    _wait_for(lambda: plant.status()["phase"] != "waiting", "the city lives", log)


def _is_subscribed(plant: Plant, feed: Feed) -> bool:
    if feed.transport.kind != "mqtt":
        return True
    path = cursor_path(plant.settings.state, feed.id)
    return path.exists() and Cursor(path).position(mqtt.SUBSCRIPTIONS) is not None


def _wait_for(condition: Callable[[], bool], what: str, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while not condition():
        if time.monotonic() > until:
            raise RuntimeError(f"not within {START_SECONDS} s: {what}; {process.last_lines(log)}")
        time.sleep(0.2)


def _drop_folder(settings: Settings) -> Path:
    return settings.state / "drop"


def _variables(settings: Settings, door: Proxy) -> dict[str, str]:
    return {"GARONNE_SIMULATOR_URL": f"http://{door.address}", "GARONNE_DROP_FOLDER": str(_drop_folder(settings))}
