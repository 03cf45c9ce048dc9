"""Row 3: the driver ends between a bulk request and its commit: the batch is written again.

Every figure is that of a clean run, and no document ever goes back to an older version.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs.engine.context import Context
from jobs.job import all_jobs
from tests.faults import figures
from tests.faults.watch import watched
from tests.servers import events as city

pytestmark = [pytest.mark.servers, pytest.mark.spark, pytest.mark.faults]

JOB = all_jobs()["traffic_by_segment"]


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
