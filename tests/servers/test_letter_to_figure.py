"""A record that was refused, mended and replayed, followed to the end: index, figure and ledger."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from jobs.engine.context import Context
from jobs.engine.late import keep_late
from jobs.engine.ledger import Span
from jobs.engine.ledger_counts import counted
from jobs.engine.repair import repair
from jobs.job import all_jobs
from runtime.elastic.letters import Selection, letters
from runtime.endpoints import Endpoints
from tests.faults.figures import expected, indexed, of, work_off
from tests.servers import events as town
from tests.servers.drivers import begin_anew
from tests.servers.ingesting import City
from tests.servers.test_deadletters import cli, drop, feed, taken_in

pytestmark = [pytest.mark.servers, pytest.mark.spark]

JOB = all_jobs()["parking_by_site"]
NOW = datetime.now(UTC)
START = NOW.replace(minute=0, second=0, microsecond=0) - timedelta(days=1)
MINUTES = 10  # two windows
FULL = 4  # minute of the observation that says a word for a number: the last of its window
FORMAT = {
    "kind": "json_records",
    "records": "rows",
    "entity_id": "id",
    "observed_at": "at",
    "fields": {"area_type": "type", "total_spaces": "n", "occupied_spaces": "o"},
}


def test_a_mended_letter_of_a_closed_window_is_in_index_figure_and_ledger(
    own_topics: Endpoints, spark: SparkSession, tmp_path: Path
) -> None:
    city, context = City(own_topics, tmp_path), Context(own_topics, tmp_path)
    context.prepare()
    begin_anew(context)
    source = feed(city, "parking", JOB.reads, FORMAT)
    drop(city, "parking", "x.json", json.dumps({"rows": [row(minute) for minute in range(MINUTES)]}))
    taken_in(city, source)
    close_windows(spark, context)
    assert occupied(context, city) == [10 + FULL - 1, 10 + MINUTES - 1]

    (letter,) = [x for page in letters(context.es, Selection(tenant=city.tenant)) for x in page]
    folder = ("--feeds", str(city.state / "feeds"))
    kept = cli(city, "fix", letter.dead_letter_id, "--edit", *folder, EDITOR="""sed -i 's/"full"/60/'""")
    sent = cli(city, "replay", letter.dead_letter_id, *folder)
    assert (kept.returncode, sent.returncode) == (0, 0), kept.stderr + sent.stderr
    work_off(spark, context, [JOB])
    assert len(of(context, JOB.reads, city.tenant)) == MINUTES
    assert occupied(context, city) == [10 + FULL - 1, 10 + MINUTES - 1]  # it is late

    assert keep_late(spark, JOB, context) > 0
    work_off(spark, context)
    context.es.indices.refresh(index="city-late")
    repair(spark, JOB, context)
    work_off(spark, context)
    assert occupied(context, city) == [60, 10 + MINUTES - 1]
    assert indexed(context, JOB, city.tenant) == expected(spark, JOB, city.events(JOB.reads))
    balances(context, city)


def row(minute: int) -> dict[str, Any]:
    at = START + timedelta(minutes=minute)
    inside = "full" if minute == FULL else 10 + minute
    return {"id": "p1", "type": "site", "at": at.isoformat(), "n": 60, "o": inside}


def close_windows(spark: SparkSession, context: Context) -> None:
    """Work off all there is, and then what another city says hours later: a watermark holds from the batch after it."""
    work_off(spark, context, [JOB])
    (other, *_) = town.events(1, "closing")[JOB.reads]
    for hours in (2, 1):
        at = NOW - timedelta(hours=hours)
        town.produce(context, JOB.reads, [{**other, "observed_at": at, "ingested_at": at}])
        work_off(spark, context, [JOB])


def occupied(context: Context, city: City) -> list[int]:
    """Occupied spaces at the end of each window."""
    found = sorted(indexed(context, JOB, city.tenant).values(), key=lambda d: str(d["window_start"]))
    return [d["occupied_spaces"] for d in found]


def balances(context: Context, city: City) -> None:
    """The record is counted as refused and, received again, as accepted; its job has it as late and repaired."""
    context.es.indices.refresh(index="city-*")
    found = counted(context.es, Span(START, NOW + timedelta(hours=1)))
    feeds = [h for h in found.feeds if h.tenant == city.tenant]
    assert [h.problem() for h in feeds if h.problem()] == []
    assert sum(h.received for h in feeds) == MINUTES + 1
    assert sum(h.accepted for h in feeds) == sum(h.indexed for h in feeds) == MINUTES
    assert sum(h.rejected.total() for h in feeds) == 1
    (hour,) = [h for h in found.jobs if (h.tenant, h.job) == (city.tenant, JOB.name)]
    assert (hour.problem(), hour.expected, hour.in_results, hour.late, hour.repaired) == (None, MINUTES, MINUTES, 1, 1)
