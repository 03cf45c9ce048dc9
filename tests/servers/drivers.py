"""Drivers as processes of their own, as `garonne submit` starts them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jobs.engine.checkpoint import Checkpoint
from jobs.engine.context import Context
from jobs.engine.observations import NAME as OBSERVATIONS
from jobs.engine.refusal import RefusedError
from jobs.job import all_jobs
from runtime.elastic.generations import current
from runtime.endpoints import Endpoints
from runtime.files import write_atomically

DEADLINE_SECONDS = 300


def submit(
    state: Path, endpoints: Endpoints, arguments: list[str], kill_when: Callable[[], bool] | None = None
) -> None:
    """Run a driver to its end, or kill it with all its children once a condition holds."""
    with driver(state, endpoints, arguments) as running:
        until = time.monotonic() + DEADLINE_SECONDS
        while running.poll() is None and not (kill_when and kill_when()):
            assert time.monotonic() < until, said(state)
            time.sleep(0.1)
        if kill_when is None:
            assert running.returncode == 0, said(state)


@contextmanager
def driver(
    state: Path, endpoints: Endpoints, arguments: list[str], inside: Sequence[str] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """A driver that runs; killed with all its children at the end of the block, if it has not ended.

    ``inside`` is a command that runs another one somewhere else.
    """
    context = Context(endpoints, state)
    if not context.checkpoints.exists():
        begin_anew(context)
    command = [*inside, sys.executable, "-m", "garonne", "submit", *arguments]
    environment = environment_of(state, endpoints)
    with (state / "driver.log").open("ab") as log:
        running = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        yield running
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def begin_anew(context: Context) -> None:
    """New checkpoints for all queries: in a state folder of its own, a test is not the first to use the servers.

    Those that no other test has begun since are left as they are.
    """
    for checkpoint in map(context.checkpoint, (OBSERVATIONS, *all_jobs())):
        if not _is_current(checkpoint, context):
            checkpoint.set_aside(datetime.now(UTC))
            checkpoint.begin(context.es)


def _is_current(checkpoint: Checkpoint, context: Context) -> bool:
    try:
        mark = checkpoint.mark()
    except RefusedError:
        return False
    return mark is not None and mark.generation == current(context.es, checkpoint.query)


def environment_of(state: Path, endpoints: Endpoints) -> dict[str, str]:
    """Variables of a `garonne` command on a state folder that knows these servers."""
    given: Mapping[str, Any] = endpoints.model_dump(exclude_none=True)
    words = {k: v.get_secret_value() if hasattr(v, "get_secret_value") else v for k, v in given.items()}
    write_atomically(state / "endpoints.json", json.dumps(words))
    return {**os.environ, "GARONNE_STATE": str(state)}


def said(state: Path) -> str:
    """The end of what the drivers of a state folder wrote."""
    return (state / "driver.log").read_text()[-3000:]
