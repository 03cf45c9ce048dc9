"""Where a checkpoint stands, and what is wrong with its files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.engine.places import DamagedError, lost_place, newest_batch, place_of
from tests.jobs.engine.checkpoints import TOPIC, kafka, spark_files


def test_a_committed_batch_is_gone_on_from_its_end(tmp_path: Path) -> None:
    place = place_of(spark_files(tmp_path / "c"), has_state=True)
    assert place is not None
    assert (place.batch, place.is_committed, place.read) == (2, True, {TOPIC: {0: 30, 1: 30}})


def test_a_batch_that_was_written_and_not_committed_is_read_again(tmp_path: Path) -> None:
    place = place_of(spark_files(tmp_path / "c", batches=3, committed=2), has_state=True)
    assert place is not None
    assert (place.is_committed, place.read[TOPIC][0], place.planned[TOPIC][0]) == (False, 20, 30)
    first = place_of(spark_files(tmp_path / "d", batches=1, committed=0), has_state=True)
    assert first is not None
    assert first.read == {TOPIC: {0: 0, 1: 0}}


def test_an_empty_folder_is_nothing_yet(tmp_path: Path) -> None:
    assert place_of(tmp_path, has_state=True) is None
    assert newest_batch(tmp_path) == -1


def cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "metadata gone": (lambda c: (c / "metadata").unlink(), "the file metadata is gone"),
    "metadata cut off": (lambda c: cut(c / "metadata", 20), "the file metadata cannot be read"),
    "metadata of nobody": (lambda c: (c / "metadata").write_text("{}"), "the file metadata names no query"),
    "offsets empty": (lambda c: cut(c / "offsets" / "2", 0), "the file offsets/2 is cut off"),
    "offsets without topics": (
        lambda c: (c / "offsets" / "2").write_text('v1\n{"conf":{}}'),
        "the file offsets/2 is cut off",
    ),
    "offsets not JSON": (lambda c: cut(c / "offsets" / "2", 110), "the file offsets/2 cannot be read"),
    "offsets without partitions": (
        lambda c: (c / "offsets" / "2").write_text('v1\n{"conf":{}}\n{"city.weather_observed.v1":{}}'),
        "the file offsets/2 has no partitions",
    ),
    "offsets of something else": (
        lambda c: (c / "offsets" / "2").write_text('v1\n{"conf":{}}\n{"logOffset":24}'),
        "the file offsets/2 has no offsets of topics",
    ),
    "offsets gone": (lambda c: shutil.rmtree(c / "offsets"), "the folder offsets is empty"),
    "bytes instead of text": (lambda c: (c / "offsets" / "2").write_bytes(b"\xff\xfe"), "offsets/2 cannot be read"),
    "newest offsets gone": (lambda c: (c / "offsets" / "2").unlink(), "offsets go to batch 1, commits to 2"),
    "commit empty": (lambda c: cut(c / "commits" / "2", 0), "the file commits/2 is cut off"),
    "commit without watermark": (lambda c: cut(c / "commits" / "2", 3), "the file commits/2 is cut off"),
    "commits gone": (lambda c: shutil.rmtree(c / "commits"), "offsets go to batch 2, commits to none"),
    "state gone": (lambda c: shutil.rmtree(c / "state"), "the folder state is gone"),
    "one partition's state gone": (lambda c: shutil.rmtree(c / "state" / "0" / "1"), "the folder state/0/1 is gone"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_each_damage_is_named(name: str, tmp_path: Path) -> None:
    harm, said = DAMAGES[name]
    folder = spark_files(tmp_path / "c")
    harm(folder)
    with pytest.raises(DamagedError, match=said):
        place_of(folder, has_state=True)


def test_a_query_without_state_needs_none(tmp_path: Path) -> None:
    folder = spark_files(tmp_path / "c")
    shutil.rmtree(folder / "state")
    assert place_of(folder, has_state=False) is not None


def test_what_kafka_no_longer_has_is_counted(tmp_path: Path) -> None:
    place = place_of(spark_files(tmp_path / "c"), has_state=True)
    assert place is not None
    assert lost_place(place, kafka(first=30, end=50)) is None
    said = lost_place(place, kafka(first=37, end=50))
    assert said == f"14 records that it had not read are no longer in Kafka (7 of {TOPIC}/0, 7 of {TOPIC}/1)"


@pytest.mark.parametrize("held", [kafka(end=29), {}])
def test_a_topic_that_ends_before_is_another_one(held: dict[str, object], tmp_path: Path) -> None:
    place = place_of(spark_files(tmp_path / "c"), has_state=True)
    assert place is not None
    assert "the topic is not the one it read" in str(lost_place(place, held))  # type: ignore[arg-type]


def test_a_planned_batch_has_to_be_there_to_its_end(tmp_path: Path) -> None:
    place = place_of(spark_files(tmp_path / "c", batches=3, committed=2), has_state=True)
    assert place is not None
    assert lost_place(place, kafka(first=20, end=30)) is None
    assert lost_place(place, kafka(first=20, end=25)) is not None
