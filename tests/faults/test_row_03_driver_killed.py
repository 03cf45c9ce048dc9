"""Row 3: the driver is killed before a bulk request, in the middle of it, after it, and before its commit.

Every figure is that of a clean run, and no document ever goes back to an older version.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs.engine.context import Context
from jobs.job import all_jobs
from schemas import contract
from tests.faults import figures
from tests.faults.front import Exchange, Hold, front, half
from tests.faults.watch import watched
from tests.servers import events as city
from tests.servers.drivers import begin_anew, driver, said, submit

pytestmark = [pytest.mark.servers, pytest.mark.spark, pytest.mark.faults]

JOB = all_jobs()["traffic_by_segment"]
LIMIT_SECONDS = 180


def before_bulk(_: Exchange) -> None:
    """Nothing of the batch is written."""


def mid_bulk(exchange: Exchange) -> None:
    """Half of it is written."""
    exchange.forward(half(exchange.body))


def after_bulk(exchange: Exchange) -> None:
    """All of it is written, and the driver does not hear of it."""
    exchange.forward(exchange.body)


@pytest.mark.faults
def test_a_driver_killed_around_its_bulk_leaves_the_figures_of_a_clean_run(
    spark: SparkSession, context: Context, tmp_path: Path
) -> None:
    """Each driver repeats the batch of the one before it, and is killed in the next."""
    tenant = "row03"
    events = city.events(3, tenant)[JOB.reads]
    stages: list[Callable[[Exchange], None]] = [before_bulk, mid_bulk, after_bulk]
    part = len(events) // len(stages)
    arguments = [JOB.name, "observations"]
    with front(context.endpoints.elasticsearch_url) as es, watched(context.es, JOB.result, tenant) as watch:
        behind = context.endpoints.model_copy(update={"elasticsearch_url": es.url})
        for n, stage in enumerate(stages):
            arriving = events[n * part : (n + 1) * part]
            es.rule = hold = Hold(documents_of(tenant, arriving[-1]), stage)
            city.produce(context, JOB.reads, arriving)
            with driver(tmp_path, behind, arguments):
                assert hold.reached.wait(LIMIT_SECONDS), said(tmp_path)
            hold.released.set()
        submit(tmp_path, context.endpoints, [*arguments, "--available-now"])
    assert watch.seen
    assert figures.indexed(context, JOB, tenant) == figures.expected(spark, JOB, events)
    assert figures.observed(context, JOB.reads, tenant) == figures.keys(events)
    assert figures.letters(context, tenant) == []


def documents_of(tenant: str, event: city.Event) -> Callable[[bytes], bool]:
    """Whether a bulk request has the figures of the window in which an event lies."""
    index = f"{contract(JOB.result).alias}-{tenant}-".encode()
    at = event["observed_at"]
    window = f"|{at.replace(minute=at.minute // 5 * 5):%FT%H:%M}".encode()
    return lambda body: index in body and window in body


def test_a_driver_killed_as_it_writes_down_its_first_batch_is_followed_by_one_that_begins(
    spark: SparkSession, context: Context, tmp_path: Path
) -> None:
    tenant = "row03first"
    events = city.events(3, tenant)[JOB.reads]
    fresh = Context(context.endpoints, tmp_path)
    begin_anew(fresh)
    for name in ("offsets", "commits"):
        (fresh.checkpoint(JOB.name).folder / name).mkdir()
    for name in (".0.0693cd43.tmp", "..0.0693cd43.tmp.crc"):  # as they were seen after such a kill
        (fresh.checkpoint(JOB.name).folder / "offsets" / name).touch()
    city.produce(context, JOB.reads, events)
    figures.work_off(spark, fresh, [JOB])
    assert figures.indexed(context, JOB, tenant) == figures.expected(spark, JOB, events)


@pytest.mark.parametrize("forgotten", [("commits",), ("commits", "offsets")], ids=" and ".join)
def test_a_batch_that_was_written_and_not_committed_is_written_again(
    spark: SparkSession, context: Context, forgotten: tuple[str, ...]
) -> None:
    """With the offsets gone as well the batch is planned anew, with whatever has come meanwhile."""
    tenant = f"row03{len(forgotten)}"
    events = city.events(4, tenant)[JOB.reads]
    city.produce(context, JOB.reads, events[::2])
    figures.work_off(spark, context, [JOB])
    with watched(context.es, JOB.result, tenant) as watch:
        for folder in forgotten:
            forget_last(context.checkpoints / JOB.name / folder)
        city.produce(context, JOB.reads, events[1::2])
        figures.work_off(spark, context, [JOB])
    assert watch.changes
    assert figures.indexed(context, JOB, tenant) == figures.expected(spark, JOB, events)


def forget_last(log: Path) -> None:
    """Delete the newest entry of a checkpoint's log, with its checksum."""
    last = max((p for p in log.iterdir() if p.name.isdigit()), key=lambda p: int(p.name))
    for path in (last, last.with_name(f".{last.name}.crc")):
        path.unlink(missing_ok=True)
