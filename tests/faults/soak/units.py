"""The processes of the pipeline, each kept running as systemd or Kubernetes would: one that ends is started again.

Whoever harms a unit says so by holding it down; an end that nobody is known to have caused counts as its own.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread

from runtime.local import process
from runtime.local.errors import ServerError
from tests.servers.stacks import alive

LOOK_SECONDS = 0.5
PAUSE_SECONDS = 2.0  # before a restart
MAX_RESTARTS = 60
SHOWN_CHARACTERS = 1500


@dataclass(frozen=True)
class End:
    """An end of a unit's process."""

    unit: str
    at: float  # monotonic
    cause: str  # the fault's name; empty: nobody's
    was_ready: bool  # whether it had been at work before
    last_words: str


@dataclass
class Unit:
    """One process of the pipeline with its children."""

    name: str
    pid_file: Path
    log: Path
    start: Callable[[], None]  # starts it; a server is waited for
    is_ready: Callable[[], bool]
    restarts: bool = True
    ends: list[End] = field(default_factory=list)
    causes: Counter[str] = field(default_factory=Counter)  # of restarts
    most_memory_mb: float = 0.0
    most_memory_at: float = 0.0  # monotonic
    _holders: list[str] = field(default_factory=list)
    _cause: str = ""
    is_known_ready: bool = False  # since it was started last
    _is_retired: bool = False
    _lock: Lock = field(default_factory=Lock)

    @property
    def running(self) -> process.Running | None:
        """Its process, if that lives."""
        found = process.recorded(self.pid_file)
        return found if found is not None and alive(found.pid) else None

    @property
    def pids(self) -> list[int]:
        """Its process and the descendants of it."""
        found = process.recorded(self.pid_file)
        return process.members(found) if found is not None else []

    @contextmanager
    def held_down(self, cause: str) -> Iterator[None]:
        """Until the end of the block it is not started again, and if it ends, that is the cause."""
        with self._lock:
            self._holders.append(cause)
            self._cause = cause
        try:
            yield
        finally:
            with self._lock:
                self._holders.remove(cause)

    def keep(self, stop: Event) -> None:
        """Start it again whenever it has ended, until told to stop; gives up after too many times."""
        while not stop.wait(LOOK_SECONDS) and not self._is_retired:
            if self.running is not None:
                self.is_known_ready = self.is_known_ready or self.is_ready()
                self._let_go()
                continue
            self._note_end()
            while self._holders and not stop.is_set():
                time.sleep(LOOK_SECONDS)
            if not self.restarts or self.causes.total() >= MAX_RESTARTS or stop.wait(PAUSE_SECONDS):
                return
            self._start_again()

    def retire(self) -> None:
        """From now on it may end."""
        self._is_retired = True

    def look(self) -> None:
        """Note how much memory it takes, when it has never taken more."""
        memory_mb = process.memory_of(self.pids)
        if memory_mb > self.most_memory_mb:
            self.most_memory_mb, self.most_memory_at = memory_mb, time.monotonic()

    def _let_go(self) -> None:
        """An end that comes long after the harm is another's."""
        with self._lock:
            if not self._holders and self.is_known_ready:
                self._cause = ""

    def _note_end(self) -> None:
        with self._lock:
            cause, self._cause = self._cause, ""
        words = process.last_lines(self.log)[-SHOWN_CHARACTERS:]
        self.ends.append(End(self.name, time.monotonic(), cause, self.is_known_ready, words))
        self.is_known_ready = False
        self.causes[cause or "by itself"] += 1
        if self.log.exists():
            shutil.copyfile(self.log, self.log.with_name(f"{self.name}.{len(self.ends)}.ended.log"))

    def _start_again(self) -> None:
        process.stop(self.pid_file)  # what its children are still doing
        try:
            self.start()
        except (ServerError, OSError):
            return  # it has ended once more; the next look sees that

    def wait_until_ready(self, seconds: float) -> None:
        """Wait until it is at work.

        Raises:
            TimeoutError: it is not within that time.
        """
        until = time.monotonic() + seconds
        while not (self.running is not None and self.is_ready()):
            if time.monotonic() > until:
                raise TimeoutError(f"{self.name} is not at work within {seconds:.0f} s")
            time.sleep(LOOK_SECONDS)


@contextmanager
def kept(units: list[Unit]) -> Iterator[None]:
    """The units, looked after from threads until the end of the block."""
    stop = Event()
    threads = [Thread(target=unit.keep, args=(stop,), name=f"keep {unit.name}") for unit in units]
    threads.append(Thread(target=_measured, args=(units, stop), name="memory"))
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _measured(units: list[Unit], stop: Event) -> None:
    while not stop.wait(5):
        for unit in units:
            unit.look()
