"""Processes are found again, never mistaken for others, and ended with all their children."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from runtime.local import process
from runtime.local.errors import CancelledError, ServerError
from runtime.local.folders import read_json, write_json
from runtime.local.process import Command, Running

Starter = Callable[[str], Running]


@pytest.fixture
def pid_file(tmp_path: Path) -> Path:
    return tmp_path / "run" / "thing.pid.json"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "thing.log"


@pytest.fixture
def started(tmp_path: Path, pid_file: Path, log: Path) -> Iterator[Starter]:
    """Starts a shell script as a server; what is left of it is ended after the test."""
    all_of_them: list[Running] = []

    def start(script: str) -> Running:
        words = ["/bin/sh", "-c", script]
        running = process.start(Command(words, {"PATH": os.environ["PATH"]}, tmp_path), pid_file, log)
        all_of_them.append(running)
        return running

    yield start
    for running in all_of_them:
        for pid in process.members(running):
            os.kill(pid, signal.SIGKILL)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not come true within ten seconds"
        time.sleep(0.01)


def test_a_started_process_is_found_by_its_pid_file_and_stopped(started: Starter, pid_file: Path) -> None:
    running = started("sleep 60")
    assert process.recorded(pid_file) == running
    assert process.is_running(running)
    assert process.stop(pid_file)
    assert not process.is_running(running)
    assert not pid_file.exists()
    assert not process.stop(pid_file)


def test_it_runs_in_a_session_of_its_own_with_its_output_in_the_log(started: Starter, log: Path) -> None:
    running = started("echo hello; echo trouble >&2; sleep 60")
    until(lambda: "trouble" in log.read_text())
    assert log.read_text().splitlines() == ["hello", "trouble"]
    assert os.getsid(running.pid) == running.pid != os.getsid(0)


def test_it_gets_nothing_of_our_environment(started: Starter, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_PASSWORD", "secret")
    started("env; echo done; sleep 60")
    until(lambda: "done" in log.read_text())
    assert "SOME_PASSWORD" not in log.read_text()


def test_a_process_that_got_the_same_id_later_is_left_alone(started: Starter, pid_file: Path) -> None:
    running = started("sleep 60")
    earlier = {**read_json(pid_file), "started_tick": running.started_tick - 1}
    write_json(pid_file, earlier)
    assert not process.stop(pid_file)
    assert process.is_running(running)


def test_a_process_of_before_the_last_boot_is_not_taken_for_one_of_now(started: Starter) -> None:
    running = started("sleep 60")
    assert process.members(replace(running, boot="another")) == []


def test_children_are_ended_even_if_their_parent_was_killed(started: Starter, pid_file: Path) -> None:
    running = started("sleep 60 & sleep 60")
    until(lambda: len(process.members(running)) == 3)
    os.kill(running.pid, signal.SIGKILL)
    until(lambda: not process.is_running(running))
    assert len(process.members(running)) == 2
    assert process.stop(pid_file)
    assert process.members(running) == []


def test_a_process_that_does_not_listen_is_killed(started: Starter, pid_file: Path, log: Path) -> None:
    running = started("trap '' TERM; echo ready; while true; do sleep 0.1; done")
    until(lambda: "ready" in log.read_text())
    assert process.stop(pid_file, patience_seconds=0.3)
    assert process.members(running) == []


def test_stopping_ends_nothing_else(started: Starter, pid_file: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as bystander:
        started("sleep 60")
        process.stop(pid_file)
        assert bystander.poll() is None
        bystander.kill()


def test_a_server_that_ends_while_starting_is_reported_with_its_last_lines(started: Starter, log: Path) -> None:
    running = started("echo the disk is full; exit 3")
    with pytest.raises(ServerError, match=r"(?s)ended while starting.*thing\.log:\nthe disk is full"):
        process.wait_until(lambda: False, running, log, 10, Event())


def test_a_server_that_never_answers_is_given_up(started: Starter, log: Path) -> None:
    running = started("sleep 60")
    with pytest.raises(ServerError, match="no answer within 0 seconds"):
        process.wait_until(lambda: False, running, log, 0.2, Event())


def test_waiting_can_be_cancelled(started: Starter, log: Path) -> None:
    running, cancelled = started("sleep 60"), Event()
    cancelled.set()
    with pytest.raises(CancelledError):
        process.wait_until(lambda: False, running, log, 10, cancelled)


def test_the_log_of_the_start_before_is_kept(started: Starter, pid_file: Path, log: Path) -> None:
    started("echo first; sleep 60")
    until(lambda: "first" in log.read_text())
    process.stop(pid_file)
    started("echo second; sleep 60")
    assert log.with_name("thing.log.1").read_text() == "first\n"


def test_memory_is_that_of_the_whole_family(started: Starter) -> None:
    running = started("sleep 60 & sleep 60")
    until(lambda: len(process.members(running)) == 3)
    assert 0 < process.memory_mb(running) < 100


def test_a_child_that_still_has_its_parents_memory_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = {1: iter([200 * 2**20] * 2), 2: iter([200 * 2**20, 3 * 2**20]), 3: iter([200 * 2**20, 0])}
    monkeypatch.setattr(process, "_own_share", lambda pid: next(looks[pid]))
    assert process.memory_of([1, 2, 3]) == 203


def test_a_pid_file_that_was_cut_off_counts_as_none(pid_file: Path) -> None:
    pid_file.parent.mkdir()
    pid_file.write_text('{"pid": 12')
    assert process.recorded(pid_file) is None
    assert not process.stop(pid_file)


def test_a_cause_is_found_far_above_what_follows_from_it(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    assert not process.says(log, "already in use")
    log.write_text("old\nAddress already in use\n" + "\tat somewhere\n" * 1000)
    assert "already in use" not in process.last_lines(log)
    assert process.says(log, "BindException", "already in use")
    assert not process.says(log, "BindException")
