"""Processes that go on when the one that started them ends, and are found again by the next.

A process is known by its id, the tick at which it started and the boot it started in, so another that got
the same id later is never taken for it. Its children are found by their session, even after it died.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event

import psutil

from runtime.local.errors import CancelledError, ServerError
from runtime.local.folders import read_json, write_json

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
POLL_SECONDS = 0.1
ANSWER_SECONDS = 0.25
LOG_LINES = 15
TAIL_BYTES = 64 * 1024
KILL_SECONDS = 10


@dataclass(frozen=True)
class Command:
    """What to run: the words, the whole environment, the working folder."""

    words: Sequence[str]
    environment: Mapping[str, str]
    folder: Path


@dataclass(frozen=True)
class Running:
    """A process that was started, as written to its pid file."""

    pid: int
    started_tick: int
    boot: str


@dataclass(frozen=True)
class _Stat:
    pid: int
    state: str
    threads: int
    session: int
    started_tick: int

    @property
    def lives(self) -> bool:
        """A killed process whose first thread is gone keeps its ports until the last one is."""
        return self.state not in "ZX" or self.threads > 1


def start(command: Command, pid_file: Path, log: Path) -> Running:
    """Start a process in a session of its own, its output in the log, and write its pid file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 -- the words are ours
            command.words,
            env=dict(command.environment),
            cwd=command.folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    process.returncode = 0  # It outlives us: Python must not warn that nobody waits for it.
    stat = _stat(process.pid)
    running = Running(process.pid, stat.started_tick if stat else -1, _boot())
    write_json(pid_file, asdict(running))
    return running


def recorded(pid_file: Path) -> Running | None:
    """What the pid file says, whether it still runs or not."""
    with suppress(TypeError):
        return Running(**read_json(pid_file))
    return None


def members(running: Running) -> list[int]:
    """Ids of the process, if it lives, and of its living descendants."""
    with suppress(ChildProcessError):
        os.waitpid(running.pid, os.WNOHANG)  # If it is our own child, let a dead one go.
    leader = _stat(running.pid)
    recycled = leader is not None and leader.started_tick != running.started_tick
    if running.boot != _boot() or recycled:
        return []
    stats = (_stat(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [s.pid for s in stats if s and s.session == running.pid and s.lives]


def is_running(running: Running) -> bool:
    """True while the process that was started lives."""
    return running.pid in members(running)


def memory_mb(running: Running) -> float:
    """Memory of the process and its descendants, in MB; pages that they share count once."""
    return memory_of(members(running))


def memory_of(pids: Iterable[int]) -> float:
    """Memory of processes, in MB; pages that they share count once. Those that are gone have none.

    Each is looked at twice and the less is taken: until a child that Java starts runs its own program, the system
    tells all of Java's memory as the child's too.
    """
    first = {pid: _own_share(pid) for pid in pids}
    return sum(min(before, _own_share(pid)) for pid, before in first.items()) / 2**20


def _own_share(pid: int) -> int:
    """Bytes, each shared page divided among those who share it; all of them where the system does not tell."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        with suppress(psutil.AccessDenied, AttributeError):
            return int(process.memory_full_info().pss)
        return int(process.memory_info().rss)
    return 0


def stop(pid_file: Path, patience_seconds: float = 20) -> bool:
    """End the process and its descendants, gently first; True if any lived. The pid file is gone afterwards.

    Raises:
        ServerError: some of them could not be ended.
    """
    running = recorded(pid_file)
    lived = running is not None and _end(running, patience_seconds)
    pid_file.unlink(missing_ok=True)
    return lived


def wait_until(
    check: Callable[[], bool], running: Running, log: Path, deadline_seconds: float, cancelled: Event
) -> None:
    """Wait until a started server answers.

    Raises:
        ServerError: it ended, or did not answer in time.
        CancelledError: somebody set `cancelled`.
    """
    until = time.monotonic() + deadline_seconds
    while not check():
        if not is_running(running):
            raise ServerError(f"it ended while starting\n{last_lines(log)}")
        if time.monotonic() > until:
            raise ServerError(f"no answer within {deadline_seconds:.0f} seconds\n{last_lines(log)}")
        if cancelled.wait(ANSWER_SECONDS):
            raise CancelledError


def last_lines(log: Path) -> str:
    """The end of a log, under its name."""
    return "\n".join([f"the end of {log}:", *_tail(log).splitlines()[-LOG_LINES:]])


def says(log: Path, *words: str) -> bool:
    """Whether one of these is in what a log says lately: a cause may stand far above what follows from it."""
    tail = _tail(log)
    return any(word in tail for word in words)


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            return file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""


def _end(running: Running, patience_seconds: float) -> bool:
    if not members(running):
        return False
    until = time.monotonic() + patience_seconds
    asked: set[int] = set()
    while living := set(members(running)):
        if time.monotonic() > until:
            return _kill(running)
        # The first process ends its children itself; those it left behind are asked one by one.
        asking = ({running.pid} if running.pid in living else living) - asked
        _signal(asking, signal.SIGTERM)
        asked |= asking
        time.sleep(POLL_SECONDS)
    return True


def _kill(running: Running) -> bool:
    until = time.monotonic() + KILL_SECONDS
    while living := members(running):
        if time.monotonic() > until:
            raise ServerError(f"processes {living} cannot be ended")
        _signal(living, signal.SIGKILL)
        time.sleep(POLL_SECONDS)
    return True


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _stat(pid: int) -> _Stat | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # The name, in brackets, may hold spaces and brackets itself.
    return _Stat(pid, fields[0], int(fields[17]), int(fields[3]), int(fields[19]))


def _boot() -> str:
    return BOOT_ID.read_text(encoding="ascii").strip()
