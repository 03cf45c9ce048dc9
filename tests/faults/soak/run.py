"""A soak: faults from a seed over the running pipeline, then everything drains, and all of it is compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import chain
from threading import Lock, Thread

from confluent_kafka import KafkaException

from garonne.demo import parts
from garonne.demo.draining import records_behind, taken_in
from garonne.metrics_view import scraped
from runtime.processes import running
from runtime.settings import Settings
from tests.faults.soak.actions import perform
from tests.faults.soak.books import is_repaired, ledger
from tests.faults.soak.city import Life
from tests.faults.soak.delivered import Delivered, Said, delivered
from tests.faults.soak.plant import Plant, pipeline
from tests.faults.soak.report import Done, Report
from tests.faults.soak.schedule import Fault
from tests.faults.soak.verdict import checks

BACK_SECONDS = 420
DRAIN_SECONDS = 900
QUIET_SECONDS = 15.0
UPKEEP_SECONDS = 60.0  # twice the time between two repairs, or two balances of the books
LOOK_SECONDS = 1.0

Say = Callable[[str], None]


def soak(settings: Settings, seed: int, minutes: float, rate: float, faults: Sequence[Fault], say: Say) -> Report:
    """Run it; the report has the verdict."""
    report = Report(seed, minutes, rate)
    life = Life(seed, rate, round(minutes * 60))
    with pipeline(settings, life, say) as plant:
        report.units, report.started = list(plant.units.values()), time.monotonic()
        try:
            _harmed(plant, faults, report, say)
            source = _drained(plant, report, say)
            say("comparing")
            for check in chain([ledger(plant)], checks(plant, source)):
                report.checks.append(check)
                say(f"{check.name}, {check.of}: {'good' if check.is_good else 'BAD'}")
        except (TimeoutError, RuntimeError, OSError) as e:
            report.errors.append(f"{type(e).__name__}: {e}")
    return report


def _harmed(plant: Plant, faults: Sequence[Fault], report: Report, say: Say) -> None:
    """Cause every fault at its time, those that take long beside one another."""
    lock = Lock()

    def cause(fault: Fault) -> None:
        began, note, error = time.monotonic() - report.started, "", ""
        say(f"{began:5.0f} s  {fault.words}")
        try:
            note = perform(plant, fault)
        except Exception as e:  # noqa: BLE001 - whatever it is belongs into the report
            error = f"{type(e).__name__}: {e}"
        done = Done(fault, began, time.monotonic() - report.started, note, error)
        say(f"{done.ended:5.0f} s    over: {fault.words}: {error or note}")
        with lock:
            report.faults.append(done)

    threads = []
    for fault in faults:
        time.sleep(max(0.0, report.started + fault.at_seconds - time.monotonic()))
        threads.append(Thread(target=cause, args=(fault,), daemon=True))
        threads[-1].start()
    for thread in threads:
        thread.join()


def _drained(plant: Plant, report: Report, say: Say) -> Delivered:
    """Wait until the city stands and everything it said is in Elasticsearch; what that was.

    Raises:
        TimeoutError: it did not come to that within the limit.
    """
    for unit in plant.units.values():
        unit.wait_until_ready(BACK_SECONDS)
    ended = report.started + plant.life.seconds
    time.sleep(max(0.0, ended - time.monotonic()))
    until = max(ended, time.monotonic()) + DRAIN_SECONDS
    say("the city stands")
    _wait(lambda: Said(plant, plant.status()).is_over(), "all that was polled and dropped is taken", until)
    _wait(_Quiet(plant).is_so, "the connectors take in nothing more", until)
    source = delivered(plant)
    say(f"the city has said {source.records:,} records")
    _end(plant, "connectors")
    _wait(lambda: not _behind(plant), "the queries have nothing more to read", until)
    done = _Lasting(lambda: is_repaired(plant) and not _behind(plant), UPKEEP_SECONDS)
    _wait(done.is_so, "the windows of late rows are repaired, and the books made", until)
    report.drained_seconds = time.monotonic() - ended
    _end(plant, "jobs")
    _end(plant, "observations")
    _end(plant, "simulator")
    return source


def _end(plant: Plant, name: str) -> None:
    """End a part for good."""
    plant.units[name].retire()
    parts.stop(plant.settings, name)


def _behind(plant: Plant) -> dict[str, int]:
    try:
        return records_behind(plant.settings, plant.context.endpoints)
    except KafkaException as e:
        return {str(e): 1}


class _Lasting:
    """Whether something has been so for a while: what is done now and then would have changed it."""

    def __init__(self, condition: Callable[[], bool], seconds: float) -> None:
        self._condition, self._seconds, self._since = condition, seconds, time.monotonic()

    def is_so(self) -> bool:
        if not self._condition():
            self._since = time.monotonic()
        return time.monotonic() - self._since > self._seconds


class _Quiet:
    """Whether the connectors have taken in nothing for a while."""

    def __init__(self, plant: Plant) -> None:
        self._plant, self._before, self._since = plant, -1.0, time.monotonic()

    def is_so(self) -> bool:
        now = taken_in(scraped(running(self._plant.settings)))
        if now != self._before:
            self._before, self._since = now, time.monotonic()
        return time.monotonic() - self._since > QUIET_SECONDS


def _wait(condition: Callable[[], bool], what: str, until: float) -> None:
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"not drained within {DRAIN_SECONDS} s of the last event: not so: {what}")
        time.sleep(LOOK_SECONDS)
