"""Real servers for the tests, started once for the whole run, away from those of `garonne up`."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runtime.endpoints import Endpoints
from runtime.local import stack
from runtime.settings import Settings, settings

PREFIX = "garonne-tests-"


@pytest.fixture(scope="session")
def server_settings() -> Iterator[Settings]:
    """Settings of the test servers: a state of their own, the shared downloads, and the addresses that are given."""
    _end_what_a_killed_run_left()
    # Not pytest's folder: Elasticsearch of root runs as nobody, who could not enter that one.
    state = Path(tempfile.mkdtemp(prefix=PREFIX))
    state.chmod(0o755)
    with (state / "owner.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        own = _with_state(state)
        try:
            yield own
        finally:
            stack.reset(own)
            shutil.rmtree(state, ignore_errors=True)


@pytest.fixture(scope="session")
def servers(server_settings: Settings) -> Endpoints:
    """Addresses of Kafka, registry, Elasticsearch and MQTT broker that stand ready."""
    return stack.up(server_settings)


def _with_state(state: Path) -> Settings:
    return settings().model_copy(update={"state": state})


def _end_what_a_killed_run_left() -> None:
    for state in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with _abandoned(state) as abandoned:
            if abandoned:
                stack.reset(_with_state(state))
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
