"""Who waits for Elasticsearch, and why: Spark's workers leave a file while they wait, the driver shows them.

A worker's own metrics cannot be read from outside, and it tells Spark nothing before its task has ended.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil

from runtime import metrics
from runtime.local.folders import read_json, write_json

MAX_TEXT = 300
KIND = re.compile(r"\w+")  # the first word of a reason names the error


@dataclass(frozen=True)
class Wait:
    """A worker that waits."""

    query: str
    reason: str
    since: float  # seconds of the epoch
    pid: int
    created: float  # of the process: a recycled id is another one

    @property
    def is_true(self) -> bool:
        """Whether the worker that wrote this still lives."""
        try:
            return abs(psutil.Process(self.pid).create_time() - self.created) < 1
        except psutil.Error:
            return False


class Waits:
    """What one worker tells of its waiting for a query."""

    def __init__(self, state: Path, query: str) -> None:
        self._path = folder(state) / f"{query}.{os.getpid()}.json"
        self._query = query
        self._told: Wait | None = None

    def __call__(self, reason: str | None) -> None:
        """Tell why a request waits, or that it does not."""
        if reason is None:
            if self._told is not None:
                self._path.unlink(missing_ok=True)
                self._told = None
            return
        text = reason[:MAX_TEXT]
        if self._told is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._told = Wait(self._query, text, time.time(), os.getpid(), psutil.Process().create_time())
        elif self._told.reason == text:
            return
        self._told = replace(self._told, reason=text)
        write_json(self._path, asdict(self._told))


def folder(state: Path) -> Path:
    """Where workers leave their files."""
    return state / "waiting"


def waits(state: Path) -> Iterator[Wait]:
    """Those that wait now; what a killed worker left is removed."""
    for path in folder(state).glob("*.json"):
        told = read_json(path)
        if not told:
            continue
        wait = Wait(**told)
        if wait.is_true:
            yield wait
        else:
            path.unlink(missing_ok=True)


def show_waits(state: Path) -> None:
    """Put those that wait now into the metrics."""
    metrics.SINK_WAITING.clear()
    for wait in waits(state):
        kind = KIND.match(wait.reason)
        shown = metrics.SINK_WAITING.labels(query=wait.query, reason=kind[0] if kind else "unknown")
        shown.set(time.time() - wait.since)
