"""`garonne submit` refuses a lost checkpoint, and `garonne rebuild` is all it takes, as an operator sees it."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from jobs.engine.context import Context
from jobs.job import all_jobs
from tests.faults.figures import indexed
from tests.servers import events as city
from tests.servers.drivers import environment_of
from tests.servers.stacks import Stack

pytestmark = [pytest.mark.servers, pytest.mark.spark, pytest.mark.faults]

JOB = all_jobs()["traffic_by_segment"]
LIMIT_SECONDS = 300


def test_an_operator_is_told_one_command_and_it_is_enough(own_servers: Stack) -> None:
    endpoints, state = own_servers.up(), own_servers.settings.state
    context = Context(endpoints, state)
    context.prepare()
    city.produce(context, JOB.reads, city.events(19, "pibrac")[JOB.reads][:100])

    def garonne(*words: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "garonne", *words], env=environment_of(state, endpoints), capture_output=True,
            text=True, timeout=LIMIT_SECONDS, check=False,
        )  # fmt: skip
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    context.checkpoint(JOB.name).begin(context.es)
    shutil.rmtree(context.checkpoint(JOB.name).folder)
    code, said = garonne("submit", JOB.name, "--available-now")
    assert code == 3
    assert f"To begin anew: garonne rebuild {JOB.name}" in said
    code, said = garonne("rebuild", JOB.name)
    assert code == 0, said
    code, said = garonne("submit", JOB.name, "--available-now")
    assert code == 0, said
    assert indexed(context, JOB, "pibrac")
    with context.checkpoint(JOB.name).held():
        code, said = garonne("rebuild", JOB.name)
        assert code == 1
        assert "is being run or rebuilt by another process" in said
