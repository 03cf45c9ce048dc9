"""Row 29: random faults from a seed over the whole running pipeline; ``make soak`` runs it for as long as wanted."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

from runtime.local import process
from tests.faults.soak.actions import ACTIONS
from tests.faults.soak.report import Done, Report
from tests.faults.soak.run import soak
from tests.faults.soak.schedule import KINDS, Fault, schedule
from tests.faults.soak.units import End, Unit, kept
from tests.faults.soak.verdict import Check, compared
from tests.servers.stacks import kill, temporary_settings, until

SEED = 29
MINUTES = 4.0
RATE = 100.0
APART_SECONDS = 30.0


def test_a_seed_gives_the_same_faults_at_the_same_times() -> None:
    assert schedule(7, 30) == schedule(7, 30)
    assert schedule(7, 30) != schedule(8, 30)


@pytest.mark.parametrize("seed", range(20))
def test_half_an_hour_has_every_kind_of_fault_in_its_time(seed: int) -> None:
    faults = schedule(seed, 30)
    caused = Counter((f.name, f.target) for f in faults)
    assert set(caused) == {(k.name, k.target) for k in KINDS}
    assert [f.at_seconds for f in faults] == sorted(f.at_seconds for f in faults)
    assert 0 <= faults[0].at_seconds < faults[-1].at_seconds <= 30 * 60


def test_every_kind_of_fault_can_be_caused() -> None:
    assert {k.name for k in KINDS} == set(ACTIONS)


def test_what_is_missing_extra_or_wrong_is_told() -> None:
    found = compared("SUM", "job", {"a": 1, "b": {"n": 2, "m": 1}, "c": 3}, {"b": {"n": 5, "m": 1}, "c": 3, "d": 4})
    assert (found.expected, found.missing, found.extra, found.wrong) == (3, 1, 1, 1)
    assert found.examples == ["missing a", "extra d", "b: n 5, expected 2"]
    assert not found.is_good
    assert compared("SUM", "job", {"a": 1}, {"a": 1}).is_good


def test_a_process_that_ends_by_itself_spoils_the_verdict() -> None:
    unit = Unit("jobs", Path("pid"), Path("log"), lambda: None, lambda: True)
    report = Report(1, 1, 100, checks=[Check("SET", "x", 1)], units=[unit])
    halt = Done(Fault(10, "halt", "kafka", 20, 1), began=10, ended=30)
    assert report.is_good
    report.faults.append(halt)
    unit.ends += [End("jobs", 20, "kill", True, ""), End("jobs", 20, "", False, "Kafka does not answer")]
    assert report.is_good
    unit.ends.append(End("jobs", 40, "", False, "not harmed any more"))
    assert report.own_ends == unit.ends[2:]
    unit.ends[2:] = [End("jobs", 20, "", True, "was at work")]
    assert report.problems == ["jobs ended by itself: was at work"]


@pytest.mark.slow
def test_a_process_that_ends_is_started_again_and_its_end_has_a_cause(tmp_path: Path) -> None:
    pid_file, log = tmp_path / "pid.json", tmp_path / "log"
    command = process.Command([sys.executable, "-c", "import time; time.sleep(600)"], {}, tmp_path)
    unit = Unit("sleeper", pid_file, log, lambda: _begun(command, pid_file, log), lambda: True)
    unit.start()
    try:
        with kept([unit]):
            until(lambda: unit.is_known_ready, "it is known to be at work")
            with unit.held_down("kill"):
                kill(unit.pids)
                until(lambda: len(unit.ends) == 1, "its end was seen")
                assert unit.pids == []
            until(lambda: unit.is_known_ready, "it was started again")
            kill(unit.pids)
            until(lambda: len(unit.ends) == 2, "its second end was seen")
            unit.retire()
    finally:
        process.stop(pid_file)
    assert [(end.cause, end.was_ready) for end in unit.ends] == [("kill", True), ("", True)]


def _begun(command: process.Command, pid_file: Path, log: Path) -> None:
    process.start(command, pid_file, log)


@pytest.mark.faults
@pytest.mark.servers
@pytest.mark.spark
def test_nothing_is_lost_or_counted_twice_under_random_faults() -> None:
    with temporary_settings(runtime="local") as own:
        report = soak(own, SEED, MINUTES, RATE, schedule(SEED, MINUTES, APART_SECONDS), print)
    assert report.problems == []
    assert sum(c.expected for c in report.checks) > 0
