"""Long-running commands that find one another: each leaves its id and the port of its metrics in the state folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from prometheus_client import start_http_server

from runtime.local.folders import read_json, write_json
from runtime.local.ports import chosen
from runtime.local.process import memory_of
from runtime.settings import Settings

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Process:
    """A running `garonne` command."""

    name: str
    pid: int
    created: float  # a recycled id is another process
    metrics_port: int

    @property
    def is_running(self) -> bool:
        """Whether the process that wrote this still lives."""
        try:
            return abs(psutil.Process(self.pid).create_time() - self.created) < 1
        except psutil.Error:
            return False

    @property
    def memory_mb(self) -> float:
        """Memory of the process and its children, in MB; pages that they share count once."""
        try:
            family = [self.pid, *(p.pid for p in psutil.Process(self.pid).children(recursive=True))]
        except psutil.Error:
            return 0.0
        return memory_of(family)


@contextmanager
def announced(settings: Settings, name: str) -> Iterator[Process]:
    """Serve this process's metrics on a free port of the loopback, and let `garonne status` find them."""
    folder = _folder(settings)
    path = folder / f"{name}.json"
    known = {k: int(v) for k, v in read_json(path).items() if k == "metrics_port"}
    port = chosen(["metrics_port"], known)["metrics_port"]
    me = Process(name, os.getpid(), psutil.Process().create_time(), port)
    start_http_server(port, addr=LOOPBACK)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(path, asdict(me))
    try:
        yield me
    finally:
        path.unlink(missing_ok=True)


def running(settings: Settings) -> list[Process]:
    """The `garonne` commands that run on this state folder."""
    found = [Process(**read_json(p)) for p in sorted(_folder(settings).glob("*.json")) if read_json(p)]
    return [p for p in found if p.is_running]


def _folder(settings: Settings) -> Path:
    return settings.state / "processes"
