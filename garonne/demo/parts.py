"""The demo's processes: simulated city, connectors, jobs and dashboards, started and ended by their ids."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from garonne.demo.comparison import DUSK_UTC
from runtime.local import process
from runtime.local.process import Command
from runtime.settings import PROJECT, Settings
from simulator.sizes import DEMO, CitySize, at_rate

FEEDS = PROJECT / "deploy" / "feeds" / "demo"


@dataclass(frozen=True)
class Part:
    """One `garonne` command that runs beside the demo."""

    name: str
    arguments: Sequence[str]


def whole_past_hours(now: datetime) -> float:
    """Hours of the past that are played where nothing else is asked for: a day, and back to the hour before a dusk.

    So a night comes first, whenever it begins, and a short demo has a whole one to compare; quality control looks back
    an hour. It is 24 hours at least, and less than 48.
    """
    start = (now - timedelta(hours=24)).replace(minute=0, second=0, microsecond=0)
    start -= timedelta(hours=(start.hour - (DUSK_UTC - 1)) % 24)
    return (now - start) / timedelta(hours=1)


@dataclass(frozen=True)
class Simulated:
    """Which city it is, and how much of its past is played first."""

    seed: int
    rate: float | None = None  # events/s; None: the demo's city, about a million events a day
    history_hours: float = 24

    @property
    def size(self) -> CitySize:
        """How large the city is."""
        return DEMO if self.rate is None else at_rate(self.rate)

    @property
    def options(self) -> list[str]:
        """The options of `garonne simulate` for it."""
        rate = [] if self.rate is None else ["--rate", str(self.rate)]
        return ["--seed", str(self.seed), "--history-hours", str(self.history_hours), *rate]


def drivers() -> list[Part]:
    """One that brings latest states and observations, and one that makes figures and gives way to it."""
    return [Part("observations", ["submit", "observations"]), Part("jobs", ["submit", "figures", "archive"])]


def simulator(city: Simulated, url_file: Path, drop_folder: Path) -> Part:
    """The simulated city."""
    options = ["--url-file", str(url_file), "--drop-folder", str(drop_folder)]
    return Part("simulator", ["simulate", *city.options, *options])


def connectors() -> Part:
    """The connectors of the demo's feeds."""
    return Part("connectors", ["ingest", str(FEEDS)])


def dashboards(port: int) -> Part:
    """The dashboards and the API."""
    return Part("dashboards", ["serve", "--port", str(port)])


ORDER = ("simulator", "connectors", "observations", "jobs", "dashboards")


def start(settings: Settings, part: Part, variables: Mapping[str, str] | None = None) -> None:
    """Start a part; it goes on until `stop`, whatever becomes of the demo itself."""
    words = [sys.executable, "-m", "garonne", *part.arguments]
    environment = {**os.environ, "GARONNE_STATE": str(settings.state), **(variables or {})}
    process.start(Command(words, environment, PROJECT), pid_file(settings, part.name), log_of(settings, part.name))


def stop(settings: Settings, *names: str) -> None:
    """End parts, the source first; those that do not run are passed over."""
    for name in names or ORDER:
        process.stop(pid_file(settings, name))


def ended(settings: Settings) -> str | None:
    """A part that should run and does not, with the end of its log; None when all is well."""
    for name in ORDER:
        running = process.recorded(pid_file(settings, name))
        if running is not None and not process.is_running(running):
            return f"{name} ended by itself\n{process.last_lines(log_of(settings, name))}"
    return None


def memory_mb(settings: Settings) -> float:
    """Resident memory of all parts, in MB."""
    found = (process.recorded(pid_file(settings, name)) for name in ORDER)
    return sum(process.memory_mb(r) for r in found if r is not None)


def log_of(settings: Settings, name: str) -> Path:
    """Where a part's output goes."""
    return settings.state / "logs" / f"{name}.log"


def pid_file(settings: Settings, name: str) -> Path:
    """Where the id of a part's process is kept."""
    return settings.state / "parts" / f"{name}.json"
