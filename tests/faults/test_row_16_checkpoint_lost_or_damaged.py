"""Row 16: a checkpoint is deleted, cut off or has lost files. It is said, and one command brings back all documents."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from jobs.engine.checkpoint import BusyError, Phase
from jobs.engine.context import Context
from jobs.engine.rebuild import begin_anew as observe_anew
from jobs.engine.rebuild import rebuild
from jobs.engine.refusal import Reason, RefusedError
from jobs.job import all_jobs
from runtime.elastic import generations
from runtime.endpoints import Endpoints
from schemas import contract
from tests.faults.figures import expected, indexed, keys, observed, work_off
from tests.servers import events as city
from tests.servers.drivers import begin_anew

pytestmark = [pytest.mark.servers, pytest.mark.spark, pytest.mark.faults]

TENANT = "row16"
JOB = all_jobs()["traffic_by_segment"]
EVENTS = city.events(16, TENANT)[JOB.reads]


def silent(_: str) -> None:
    """Nobody watches."""


@pytest.fixture(scope="module")
def own(servers: Endpoints, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Context:
    """A job that has run, with a copy of its checkpoint beside it."""
    made = Context(servers, tmp_path_factory.mktemp("row16"), max_offsets_per_trigger=600)
    made.prepare()
    begin_anew(made)
    city.produce(made, JOB.reads, EVENTS)
    work_off(spark, made, [JOB])
    assert indexed(made, JOB, TENANT) == expected(spark, JOB, EVENTS)
    shutil.copytree(folder(made), made.state / "copy")
    return made


@pytest.fixture
def ran(own: Context, spark: SparkSession) -> Context:
    """The same, its checkpoint as the job left it, and nobody who still writes in it."""
    jvm: Any = spark._jvm
    # A driver that has ended does not; this session goes on, and uploads what ended queries left in memory.
    jvm.org.apache.spark.sql.execution.streaming.state.StateStore.stop()
    shutil.rmtree(folder(own), ignore_errors=True)
    shutil.copytree(own.state / "copy", folder(own))
    return own


def folder(context: Context) -> Path:
    return context.checkpoint(JOB.name).folder


def newest(files: Iterator[Path]) -> Path:
    return max(files, key=lambda p: int(p.name.split(".")[0]))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def refused(spark: SparkSession, context: Context) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        work_off(spark, context, [JOB])
    assert str(caught.value).endswith(f"To begin anew: garonne rebuild {JOB.name}")
    return caught.value


BEFORE_THE_START: dict[str, tuple[Callable[[Path], object], Reason, str]] = {
    "deleted": (shutil.rmtree, Reason.LOST, "it has run before"),
    "mark gone": (lambda c: (c / "garonne.json").unlink(), Reason.LOST, "has lost its mark"),
    "metadata gone": (lambda c: (c / "metadata").unlink(), Reason.DAMAGED, "the file metadata is gone"),
    "offsets cut off": (lambda c: cut(newest((c / "offsets").glob("[0-9]*"))), Reason.DAMAGED, "the file offsets/"),
    "commits gone": (lambda c: shutil.rmtree(c / "commits"), Reason.DAMAGED, "commits to none"),
    "state gone": (lambda c: shutil.rmtree(c / "state"), Reason.DAMAGED, "the folder state is gone"),
}
AT_WORK: dict[str, Callable[[Path], object]] = {
    "state cut off": lambda c: cut(newest((c / "state" / "0" / "0").glob("*.changelog"))),
    "state file gone": lambda c: newest((c / "state" / "0" / "1").glob("*.changelog")).unlink(),
}


@pytest.mark.parametrize("name", BEFORE_THE_START)
def test_damage_is_said_before_the_start(name: str, ran: Context, spark: SparkSession) -> None:
    harm, reason, said = BEFORE_THE_START[name]
    harm(folder(ran))
    error = refused(spark, ran)
    assert error.reason is reason
    assert said in str(error)


@pytest.mark.parametrize("name", AT_WORK)
def test_damage_that_shows_at_work_is_said_and_not_tried_for_ever(name: str, ran: Context, spark: SparkSession) -> None:
    AT_WORK[name](folder(ran))
    city.produce(ran, JOB.reads, EVENTS[-1:])  # so that there is a batch
    assert refused(spark, ran).reason is Reason.DAMAGED


def test_a_rebuild_brings_back_every_document_and_readers_never_see_fewer(ran: Context, spark: SparkSession) -> None:
    shutil.rmtree(folder(ran))
    assert refused(spark, ran).reason is Reason.LOST
    before = indexed(ran, JOB, TENANT)
    spoilt = next(iter(before))
    index = f"{contract(JOB.result).alias}-{TENANT}-2026.07"
    version = ran.es.get(index=index, id=spoilt)["_version"]
    ran.es.index(
        index=index, id=spoilt, document={**before[spoilt], "observations_count": -1}, version=version,
        version_type="external_gte", refresh=True,
    )  # fmt: skip
    with counted(ran, len(before)) as counts:
        rebuild(spark, JOB, ran, silent)
        work_off(spark, ran, [JOB])
    assert indexed(ran, JOB, TENANT) == expected(spark, JOB, EVENTS)
    assert len(counts) > 5
    assert min(counts) == len(before)


@contextmanager
def counted(context: Context, wanted: int) -> Iterator[list[int]]:
    """How many documents readers see, again and again."""
    over, counts = threading.Event(), []
    query = {"term": {"tenant": TENANT}}

    def look() -> None:
        while not over.wait(0.05):
            context.es.indices.refresh(index=f"{contract(JOB.result).alias}-{TENANT}-*")
            counts.append(int(context.es.count(index=contract(JOB.result).alias, query=query)["count"]))

    assert context.es.count(index=contract(JOB.result).alias, query=query)["count"] == wanted
    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield counts
    finally:
        over.set()
        looking.join()


def test_what_is_over_is_not_put_back_by_the_live_query(ran: Context, spark: SparkSession) -> None:
    later = [{**e, "observed_at": e["observed_at"] + timedelta(days=2)} for e in EVENTS[:1]]
    city.produce(ran, JOB.reads, [{**e, "entity_id": "segment-9"} for e in later])  # now all the windows are over
    shutil.rmtree(folder(ran))
    done = rebuild(spark, JOB, ran, silent)
    assert done.written > 0
    index = f"{contract(JOB.result).alias}-{TENANT}-2026.07"
    ids = list(expected(spark, JOB, EVENTS))

    def versions() -> set[int]:
        return {d["_version"] for d in ran.es.mget(index=index, ids=ids)["docs"]}

    rebuilt = versions()
    assert min(rebuilt) > generations.version(done.generation, 1 << 38)
    work_off(spark, ran, [JOB])
    assert versions() == rebuilt


def test_a_rebuild_that_was_stopped_is_done_once_more(ran: Context, spark: SparkSession) -> None:
    checkpoint = ran.checkpoint(JOB.name)
    shutil.rmtree(folder(ran))
    checkpoint.begin(ran.es, Phase.REBUILDING)
    assert refused(spark, ran).reason is Reason.UNFINISHED
    rebuild(spark, JOB, ran, silent)
    work_off(spark, ran, [JOB])
    assert set(expected(spark, JOB, EVENTS)) <= set(indexed(ran, JOB, TENANT))


def test_nothing_is_rebuilt_under_a_running_query(ran: Context, spark: SparkSession) -> None:
    with ran.checkpoint(JOB.name).held(), pytest.raises(BusyError):
        rebuild(spark, JOB, ran, silent)
    assert folder(ran).exists()


def test_observations_begin_again_by_themselves(ran: Context, spark: SparkSession) -> None:
    shutil.rmtree(ran.checkpoint("observations").folder)
    work_off(spark, ran)
    assert observed(ran, JOB.reads, TENANT) >= keys(EVENTS)
    first = observe_anew(ran, "observations").generation
    work_off(spark, ran)
    assert observe_anew(ran, "observations").generation == first + 1
