"""Row 20: the disk with the state is full. Jobs and connectors say so, wait, and go on when there is room; nothing is
lost and nothing counts twice.

The disks of Kafka and Elasticsearch are theirs: a broker without room stops, which is row 2, and Elasticsearch refuses
to write, which is row 7.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs.engine.context import Context
from jobs.job import all_jobs
from runtime.endpoints import Endpoints
from tests.faults import figures
from tests.faults.disks import Disk, small_disk
from tests.servers import events as city
from tests.servers.drivers import begin_anew, driver, said
from tests.servers.ingesting import City, message
from tests.servers.stacks import until

pytestmark = [pytest.mark.servers, pytest.mark.faults]

JOB = all_jobs()["traffic_by_segment"]
FULL = "No space left on device"
LIMIT_SECONDS = 300


@pytest.mark.spark
@pytest.mark.faults
def test_jobs_wait_for_room_for_their_checkpoints(spark: SparkSession, context: Context, tmp_path: Path) -> None:
    tenant = "row20"
    events = city.events(20, tenant)[JOB.reads]
    third = len(events) // 3
    begin_anew(Context(context.endpoints, tmp_path))
    with (
        small_disk(tmp_path / "checkpoints", megabytes=128) as disk,
        driver(tmp_path, context.endpoints, [JOB.name, "observations"], disk.inside) as running,
    ):
        city.produce(context, JOB.reads, events[:third])
        _await_figures(spark, context, tenant, events[:third])
        disk.fill()
        city.produce(context, JOB.reads, events[third : 2 * third])
        until(lambda: FULL in (tmp_path / "driver.log").read_text(), "it is said that the disk is full", LIMIT_SECONDS)
        until(lambda: "query.paused" in (tmp_path / "driver.log").read_text(), "it is said who waits", LIMIT_SECONDS)
        disk.empty()
        city.produce(context, JOB.reads, events[2 * third :])
        _await_figures(spark, context, tenant, events)
        wanted = figures.keys(events)
        until(lambda: figures.observed(context, JOB.reads, tenant) == wanted, "all is indexed", LIMIT_SECONDS)
        assert running.poll() is None, said(tmp_path)
    assert figures.letters(context, tenant) == []


def _await_figures(spark: SparkSession, context: Context, tenant: str, events: list[city.Event]) -> None:
    wanted = figures.expected(spark, JOB, events)
    until(lambda: figures.indexed(context, JOB, tenant) == wanted, "the figures are right", LIMIT_SECONDS)


def test_a_connector_goes_on_without_room_for_its_cursor(servers: Endpoints, tmp_path: Path) -> None:
    town = City(servers, tmp_path)
    drop = tmp_path / "drop"
    drop.mkdir()
    feed = town.feed("files", {"kind": "files", "folder": "drop", "period_seconds": 0.05}, layout="lines")

    def arrive(name: str) -> None:
        (drop / f"{name}.jsonl").write_bytes(b"\n".join(message(f"{name}{n}", n) for n in range(50)))

    def has_come(*names: str) -> bool:
        return {e["entity_id"] for e in town.events()} == {f"{name}{n}" for name in names for n in range(50)}

    with small_disk(tmp_path / "cursors", megabytes=1) as disk:
        running = town.process(feed, inside=disk.inside)
        try:
            arrive("before")
            until(lambda: has_come("before"), "what was there has come", LIMIT_SECONDS)
            until(lambda: _has_cursor(disk, feed.id), "the cursor is kept", LIMIT_SECONDS)
            disk.fill()
            arrive("full")
            until(lambda: has_come("before", "full"), "a full disk holds nothing up", LIMIT_SECONDS)
            assert running.poll() is None
            _kill(running)
            kept = disk.read(f"{feed.id}.json")
            running = town.process(feed, inside=disk.inside)
            arrive("again")
            until(lambda: has_come("before", "full", "again"), "it starts on a full disk", LIMIT_SECONDS)
            assert disk.read(f"{feed.id}.json") == kept
            disk.empty()
            arrive("after")
            until(lambda: has_come("before", "full", "again", "after"), "it goes on", LIMIT_SECONDS)
            until(lambda: disk.read(f"{feed.id}.json") != kept, "the cursor is kept again", LIMIT_SECONDS)
        finally:
            _kill(running)


def _has_cursor(disk: Disk, feed: str) -> bool:
    try:
        return bool(disk.read(f"{feed}.json"))
    except subprocess.CalledProcessError:
        return False


def _kill(running: subprocess.Popen[bytes]) -> None:
    running.kill()
    running.wait()
