"""Row 14: events dated ten years ahead, sent to the topic by somebody else. They are dead letters, close no window, and
what comes after them in time still counts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from pyspark.sql import SparkSession

from jobs.engine import source
from jobs.engine.context import Context
from jobs.engine.observations import collect
from jobs.job import all_jobs
from runtime.avro import Decoder, encoder
from schemas import contract
from tests.faults import figures
from tests.servers import events as city

pytestmark = pytest.mark.spark

JOB = all_jobs()["traffic_by_segment"]
TRAFFIC = contract(JOB.reads)
EVENTS = city.events(14, "row14")[JOB.reads]
TEN_YEARS = timedelta(days=3653)


@pytest.mark.servers
def test_future_events_are_dead_letters_and_close_no_window(spark: SparkSession, context: Context) -> None:
    half = len(EVENTS) // 2
    ahead = [{**e, "observed_at": e["observed_at"] + TEN_YEARS} for e in EVENTS[:half:100]]
    city.produce(context, JOB.reads, [*EVENTS[:half], *ahead])
    figures.work_off(spark, context, [JOB])
    city.produce(context, JOB.reads, EVENTS[half:])
    figures.work_off(spark, context, [JOB], with_letters=True)
    letters = figures.letters(context, "row14")
    assert [letter["reason"] for letter in letters] == ["future_time"] * len(ahead)
    assert figures.indexed(context, JOB, "row14") == figures.expected(spark, JOB, EVENTS)
    assert figures.observed(context, JOB.reads, "row14") == figures.keys(EVENTS)
    assert watermark(context) < datetime.now(UTC)


def watermark(context: Context) -> datetime:
    """The watermark of the job's last batch, as its checkpoint has it."""
    folder = context.checkpoints / JOB.name / "offsets"
    last = max((p for p in folder.iterdir() if p.name.isdigit()), key=lambda p: int(p.name))
    said = json.loads(last.read_text().splitlines()[1])
    return datetime.fromtimestamp(said["batchWatermarkMs"] / 1000, UTC)


def test_observations_and_figures_agree_on_where_the_future_begins(spark: SparkSession) -> None:
    sent = datetime(2026, 7, 14, 12, tzinfo=UTC)
    hour, second = timedelta(hours=1), timedelta(seconds=1)
    times = [sent, sent + hour - second, sent + hour + second, sent + TEN_YEARS]
    values = [encoder(TRAFFIC, 1)({**EVENTS[0], "observed_at": time}) for time in times]
    rows = spark.createDataFrame([(bytearray(v), sent) for v in values], "value binary, timestamp timestamp")
    in_figures = source.events(rows, TRAFFIC, {1: TRAFFIC.avro}).count()

    class OneSchema:
        def schema(self, _: int) -> dict[str, object]:
            return TRAFFIC.avro

    read = Decoder(TRAFFIC, OneSchema())
    said = {"key": b"row14/x", "topic": TRAFFIC.topic, "partition": 0, "offset": 0, "timestamp": sent}
    taken = collect([{**said, "value": v} for v in values], lambda _, value: (TRAFFIC, read(value)))
    assert in_figures == len(taken.observations) == 2
