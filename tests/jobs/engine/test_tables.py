"""The archive's tables: rows and offsets in one commit, contracts that change, compaction that nobody notices."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from jobs.engine import compaction
from jobs.engine.archive import portion, records
from jobs.engine.compaction import appends_since_compaction, compact, stored
from jobs.engine.tables import ArchiveMismatchError, Reached, Table
from schemas import Contract, contract
from tests.frames import frame

WEATHER = contract("weather_observed")
NOON = datetime(2026, 7, 14, 12, tzinfo=UTC)
NEW_FIELD = {"name": "uv_index", "type": ["null", "double"], "default": None, "doc": "UV index.", "unit": "1"}


def changed(fields: list[dict[str, Any]]) -> Contract:
    return Contract(**{**dict(WEATHER), "avro": {**WEATHER.avro, "fields": fields}})


def table(spark: SparkSession, folder: Path, of: Contract = WEATHER) -> Table:
    made = Table(spark, of, (folder / "archive").as_uri())
    made.prepare()
    return made


def rows(spark: SparkSession, entities: str, of: Contract = WEATHER, **values: Any) -> DataFrame:
    """An event for each letter: of one tenant, on three days."""
    days = {e: NOON + timedelta(days=n % 3) for n, e in enumerate(entities)}
    common = {"tenant": "toulouse", "feed": "test", "flags": [], "temperature_celsius": 20.0, **values}
    events = [{**common, "entity_id": e, "observed_at": t, "ingested_at": t} for e, t in days.items()]
    return frame(spark, of, events)


def entities(frame: DataFrame) -> str:
    return "".join(sorted(row.entity_id for row in frame.select("entity_id").collect()))


@pytest.mark.spark
def test_rows_and_offsets_are_there_together(spark: SparkSession, tmp_path: Path) -> None:
    weather = table(spark, tmp_path)
    weather.append(rows(spark, "ab"), Reached("topic-1", {0: 7, 1: 2}))
    weather.append(rows(spark, "c"), Reached("topic-1", {0: 7, 1: 3}, missing_before=NOON))
    seen = table(spark, tmp_path)
    assert entities(seen.rows()) == "abc"
    assert seen.reached("topic-1") == Reached("topic-1", {0: 7, 1: 3}, NOON)


@pytest.mark.spark
def test_a_topic_that_was_made_again_begins_at_its_beginning(spark: SparkSession, tmp_path: Path) -> None:
    weather = table(spark, tmp_path)
    weather.append(rows(spark, "ab"), Reached("topic-1", {0: 7}))
    assert weather.reached("topic-2") == Reached("topic-2", {})


@pytest.mark.spark
def test_messages_none_of_which_could_be_decoded_move_the_offsets_on(spark: SparkSession, tmp_path: Path) -> None:
    weather = table(spark, tmp_path)
    weather.append(rows(spark, "a").where(F.lit(False)), Reached("topic-1", {0: 7}))
    assert weather.reached("topic-1").offsets == {0: 7}
    assert entities(weather.rows()) == ""


@pytest.mark.spark
def test_rows_of_before_and_after_a_new_field_are_read_together(spark: SparkSession, tmp_path: Path) -> None:
    table(spark, tmp_path).append(rows(spark, "a"), Reached("topic-1", {0: 1}))
    wider = changed([*WEATHER.avro["fields"], NEW_FIELD])
    reader = Table(spark, wider, (tmp_path / "archive").as_uri())
    assert [row.uv_index for row in reader.rows().collect()] == [None]
    table(spark, tmp_path, wider).append(rows(spark, "b", wider, uv_index=6.5), Reached("topic-1", {0: 2}))
    assert {(row.entity_id, row.uv_index) for row in reader.rows().collect()} == {("a", None), ("b", 6.5)}


@pytest.mark.spark
@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (WEATHER.avro["fields"][:-1], f"no field {WEATHER.avro['fields'][-1]['name']} any more"),
        (
            [{**f, "type": ["null", "string"]} if f["name"] == "elevation_m" else f for f in WEATHER.avro["fields"]],
            "elevation_m is string and was archived as double",
        ),
    ],
)
def test_any_other_change_is_refused_with_a_sentence(
    spark: SparkSession, tmp_path: Path, fields: list[dict[str, Any]], sentence: str
) -> None:
    table(spark, tmp_path)
    with pytest.raises(ArchiveMismatchError, match=sentence):
        table(spark, tmp_path, changed(fields))


@pytest.mark.spark
def test_compaction_leaves_fewer_files_with_the_same_rows_and_offsets(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weather = table(spark, tmp_path)
    for n in range(6):
        weather.append(rows(spark, "abcdef"), Reached("topic-1", {0: 6 * (n + 1)}))
    begun_before = weather.rows()
    assert (stored(weather).files, appends_since_compaction(weather)) == (18, 6)
    compact(weather, weather.reached("topic-1"))
    assert (stored(weather).files, appends_since_compaction(weather)) == (3, 0)
    assert entities(begun_before) == entities(weather.rows()) == "".join(c * 6 for c in "abcdef")
    monkeypatch.setattr(compaction, "KEEP_SNAPSHOTS", timedelta(days=-1))
    compact(weather, weather.reached("topic-1"))
    assert weather.metadata("snapshots").count() == 1  # the compaction's, which says nothing of offsets
    assert weather.reached("topic-1").offsets == {0: 36}
    assert (stored(weather).rows, stored(weather).first_day, stored(weather).days) == (36, NOON.date(), 3)


OFFSETS = st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)), min_size=1, max_size=5)


@given(OFFSETS, st.integers(1, 300))
def test_portions_lead_to_the_end_in_steps_of_limited_size(partitions: list[tuple[int, int]], limit: int) -> None:
    starts = {p: start for p, (start, _) in enumerate(partitions)}
    ends = {p: start + length for p, (start, length) in enumerate(partitions)}
    while starts != ends:
        step = portion(starts, ends, limit)
        assert 0 < records(starts, step) <= limit + len(partitions)
        assert all(starts[p] <= step[p] <= ends[p] for p in ends)
        starts = step
