"""How queries are kept running, with queries that fail as a script says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from pyspark.errors import StreamingQueryException

from jobs.engine import runner
from jobs.engine.checkpoint import BusyError, Checkpoint
from jobs.engine.refusal import Reason, RefusedError
from jobs.engine.runner import drain, keep_running
from jobs.engine.streams import Query


class Handle:
    """A streaming query that fails with a text at once, or works."""

    def __init__(self, failure: str | None) -> None:
        self.failure = failure
        self.isActive = failure is None
        self.lastProgress = {"batchId": 1} if failure is None else None
        self.status = {"isTriggerActive": False}
        self.stopped = False

    def exception(self) -> str | None:
        return self.failure

    def stop(self) -> None:
        self.stopped = True

    def awaitTermination(self) -> None:  # noqa: N802 -- Spark's name
        if self.failure is not None:
            raise StreamingQueryException(self.failure, None, None)


class Scripted:
    """A query whose starts go as scripted; the last one repeats."""

    def __init__(self, folder: Path, name: str, *starts: Any) -> None:
        self.starts = list(starts)
        self.count = 0
        self.handles: list[Handle] = []
        self.query = Query(name, self.start, Checkpoint(name, folder / name))

    def start(self, _: bool) -> Any:
        self.count += 1
        what = self.starts.pop(0) if len(self.starts) > 1 else self.starts[0]
        if isinstance(what, Exception):
            raise what
        self.handles.append(Handle(what))
        return self.handles[-1]


class Until(threading.Event):
    """Set once a condition holds; nobody waits in the meantime, and the pauses are over at once."""

    def __init__(self, holds: Callable[[], bool], polls: int = 3000) -> None:
        super().__init__()
        self.holds, self.polls = holds, polls

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002
        self.polls -= 1
        assert self.polls, "it never came to hold"
        return self.holds()


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The time, in which every look is a minute and a half later."""
    now = [0.0]

    def monotonic() -> float:
        now[0] += 45.0
        return now[0]

    monkeypatch.setattr(runner.time, "monotonic", monotonic)
    return now  # type: ignore[return-value]


def shown(name: str, query: str, reason: str) -> float | None:
    return REGISTRY.get_sample_value(name, {"query": query, "reason": reason})


LOST = RefusedError("lost", Reason.LOST, "its checkpoint is gone")
STATE = "[CANNOT_LOAD_STATE_STORE.CANNOT_READ_STREAMING_STATE_FILE] Error reading streaming state file"
SINK = "runtime.elastic.bulk.BrokenSinkError: 60 of 80 documents refused"


def test_a_passing_failure_is_tried_again_however_often(tmp_path: Path) -> None:
    one = Scripted(tmp_path, "one", *["TimeoutError: away"] * 40, None)
    keep_running([one.query], Until(lambda: one.count > 40))
    assert one.handles[-1].stopped


def test_also_when_it_cannot_even_be_started(tmp_path: Path) -> None:
    one = Scripted(tmp_path, "two", OSError("Kafka is away"), OSError("Kafka is away"), None)
    keep_running([one.query], Until(lambda: one.count == 3))


def test_a_refused_query_does_not_take_the_others_down(tmp_path: Path) -> None:
    lost, well = Scripted(tmp_path, "lost", LOST), Scripted(tmp_path, "well", None)
    looks = iter(range(1000))
    keep_running([lost.query, well.query], Until(lambda: next(looks) > 20))
    assert (lost.count, well.count) == (1, 1)
    assert shown("garonne_query_refused", "lost", "lost") == 1


def test_one_that_is_wanted_by_name_and_refused_ends_the_driver(tmp_path: Path) -> None:
    well, lost = Scripted(tmp_path, "well", None), Scripted(tmp_path, "lost", LOST)
    with pytest.raises(RefusedError, match="To begin anew: garonne rebuild lost"):
        keep_running([well.query, lost.query], Until(lambda: False), all_wanted=True)
    assert well.handles[0].stopped


def test_a_driver_without_any_query_ends(tmp_path: Path) -> None:
    with pytest.raises(RefusedError):
        keep_running([Scripted(tmp_path, "lost", LOST).query], Until(lambda: False))


def test_damage_that_shows_at_work_is_refused_when_seen_twice(tmp_path: Path) -> None:
    damaged, well = Scripted(tmp_path, "damaged", STATE), Scripted(tmp_path, "well", None)
    keep_running([damaged.query, well.query], Until(lambda: shown("garonne_query_refused", "damaged", "damaged") == 1))
    assert damaged.count == 2
    assert well.count == 1


def test_damage_seen_once_is_tried_again(tmp_path: Path) -> None:
    one = Scripted(tmp_path, "once", STATE, None)
    looks = iter(range(1000))
    keep_running([one.query], Until(lambda: next(looks) > 20))
    assert one.count == 2
    assert shown("garonne_query_refused", "once", "damaged") is None


def test_a_broken_sink_pauses_its_query_until_it_is_mended(tmp_path: Path) -> None:
    broken, well = Scripted(tmp_path, "broken", *[SINK] * 7, None), Scripted(tmp_path, "well", None)
    seen = []

    def mended() -> bool:
        seen.append(shown("garonne_query_paused", "broken", "sink"))
        return broken.count == 8 and seen[-1] is None

    keep_running([broken.query, well.query], Until(mended))
    assert 1 in seen
    assert well.count == 1


def test_the_same_failure_again_and_again_is_shown_as_stuck_and_tried_seldom(tmp_path: Path) -> None:
    poison = Scripted(tmp_path, "poison", "ValueError: row 7 at 0x7f01")
    looks = iter(range(10_000))
    keep_running([poison.query], Until(lambda: next(looks) > 400))
    assert shown("garonne_query_paused", "poison", "stuck") == 1
    passing = Scripted(tmp_path, "passing", SINK)
    looks = iter(range(10_000))
    keep_running([passing.query], Until(lambda: next(looks) > 400))
    assert shown("garonne_query_paused", "passing", "sink") == 1
    assert poison.count * 3 < passing.count


def test_all_that_is_there_is_worked_off_by_the_others_when_one_is_damaged(tmp_path: Path) -> None:
    damaged, well = Scripted(tmp_path, "damaged", STATE), Scripted(tmp_path, "well", "TimeoutError: away", None)
    with pytest.raises(RefusedError, match="To begin anew: garonne rebuild damaged"):
        drain([damaged.query, well.query])
    assert (damaged.count, well.count) == (2, 2)


def test_working_off_ends_with_the_reason_of_what_keeps_failing(tmp_path: Path) -> None:
    failing = Scripted(tmp_path, "failing", "ValueError: row 7")
    with pytest.raises(StreamingQueryException, match="row 7"):
        drain([failing.query])
    assert failing.count == 5


def test_two_drivers_do_not_run_the_same_query(tmp_path: Path) -> None:
    one = Scripted(tmp_path, "one", None)
    with one.query.checkpoint.held(), pytest.raises(BusyError, match="one is being run or rebuilt"):
        keep_running([one.query], Until(lambda: True))


def test_queries_are_stopped_at_once_and_not_one_after_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queries = [Scripted(tmp_path, name, None) for name in ("a", "b", "c")]
    together = threading.Barrier(len(queries), timeout=30)
    monkeypatch.setattr(Handle, "stop", lambda _: together.wait())  # broken when one has to wait for another
    keep_running([q.query for q in queries], Until(lambda: all(q.count for q in queries)))
