"""Real servers of a test run: away from those of `garonne up`, killed, halted and brought back by id."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from confluent_kafka.admin import AdminClient

from runtime.endpoints import Endpoints
from runtime.local import process, stack
from runtime.settings import Settings, settings

PREFIX = "garonne-tests-"
LIMIT_SECONDS = 30
NOWHERE = {
    "kafka": ("kafka_bootstrap", "127.0.0.1:1"),
    "registry": ("schema_registry_url", "http://127.0.0.1:1"),
    "elasticsearch": ("elasticsearch_url", "http://127.0.0.1:1"),
    "mqtt": ("mqtt_url", None),
}


@dataclass(frozen=True)
class Stack:
    """Servers that a test has to itself, on a state folder of their own."""

    settings: Settings
    names: frozenset[str]

    def up(self) -> Endpoints:
        """Start what does not run, with the ports and the data it had, and wait until it answers."""
        return stack.up(self.settings, servers=self.names)

    def pids(self, name: str) -> list[int]:
        return members(self.settings, name)

    def kill(self, name: str) -> None:
        """End a server and its children as a crash does."""
        kill(self.pids(name))

    @contextmanager
    def halted(self, name: str) -> Iterator[None]:
        """A server that keeps its connections and answers nothing, until the end of the block."""
        pids = self.pids(name)
        assert pids
        signal_all(pids, signal.SIGSTOP)
        try:
            yield
        finally:
            signal_all(pids, signal.SIGCONT)


@contextmanager
def stack_of_its_own(*names: str) -> Iterator[Stack]:
    """These servers, ready; the others are nowhere, whatever addresses the environment gives."""
    given: dict[str, Any] = {field: None if name in names else nowhere for name, (field, nowhere) in NOWHERE.items()}
    with temporary_settings(**given, runtime="local") as own:
        made = Stack(own, frozenset(names))
        made.up()
        yield made


@contextmanager
def temporary_settings(**changes: Any) -> Iterator[Settings]:
    """Settings with a state of their own; at the end its servers are stopped and it is deleted."""
    _end_what_a_killed_run_left()
    # Not pytest's folder: Elasticsearch of root runs as nobody, who could not enter that one.
    state = Path(tempfile.mkdtemp(prefix=PREFIX))
    state.chmod(0o755)
    with (state / "owner.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        own = settings().model_copy(update={**changes, "state": state})
        try:
            yield own
        finally:
            stack.reset(own)
            shutil.rmtree(state, ignore_errors=True)


def delete_topics(bootstrap: str, names: Set[str]) -> None:
    """Delete those of the topics that are there, and wait until they are gone."""
    admin = AdminClient({"bootstrap.servers": bootstrap})

    def left() -> list[str]:
        return sorted(names & admin.list_topics(timeout=30).topics.keys())

    if there := left():
        for future in admin.delete_topics(there).values():
            future.result(30)
    until(lambda: not left(), "the topics are gone")


def members(settings: Settings, server: str) -> list[int]:
    """Ids of a server that was started, and of its children."""
    running = process.recorded(settings.state / "run" / f"{server}.pid.json")
    return process.members(running) if running else []


def kill(pids: list[int]) -> None:
    """Kill processes and wait until they are gone."""
    assert pids
    signal_all(pids, signal.SIGKILL)
    until(lambda: not any(alive(pid) for pid in pids), "the killed are gone")


def signal_all(pids: Iterable[int], number: signal.Signals) -> None:
    """Signal processes; those that have ended meanwhile, as children do, are passed over."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def alive(pid: int) -> bool:
    try:
        found = psutil.Process(pid)
        return found.status() != psutil.STATUS_ZOMBIE or found.num_threads() > 1
    except psutil.NoSuchProcess:
        return False


def until(condition: Callable[[], bool], what: str, seconds: float = LIMIT_SECONDS) -> None:
    """Wait until something is so; fails when it does not become so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)


def _end_what_a_killed_run_left() -> None:
    for state in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with _abandoned(state) as abandoned:
            if abandoned:
                stack.reset(settings().model_copy(update={"state": state}))
                shutil.rmtree(state, ignore_errors=True)


@contextmanager
def _abandoned(state: Path) -> Iterator[bool]:
    """Whether the run that made the state is no longer there to hold its lock."""
    try:
        lock = (state / "owner.lock").open()
    except OSError:  # Of another user, or just being made.
        yield False
        return
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
