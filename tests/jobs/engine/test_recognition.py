"""Whether a query goes on from its checkpoint, begins, or is refused with reason and command."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from jobs.engine import recognition
from jobs.engine.checkpoint import BusyError, Checkpoint, Mark, Phase
from jobs.engine.recognition import has_begun, opened
from jobs.engine.refusal import Reason, RefusedError
from runtime.elastic import generations
from tests.jobs.engine.checkpoints import kafka, spark_files

NOW = {"columns": ["a", "b"], "declaration": {"window": "0:05:00"}, "partitions": "2", "plan": "p", "code": {}}
ES: Any = None


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Generations by query, instead of Elasticsearch's."""
    memory: dict[str, int] = {}

    def begin(_: Any, query: str) -> int:
        memory[query] = memory.get(query, 0) + 1
        return memory[query]

    monkeypatch.setattr(recognition.time, "sleep", lambda _: None)
    monkeypatch.setattr(generations, "begin", begin)
    monkeypatch.setattr(generations, "current", lambda _, query: memory.get(query, 0))
    return memory


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    return Checkpoint("heat", tmp_path / "heat")


def fingerprints(columns: Sequence[str] | None, **other: Any) -> dict[str, Any]:
    return NOW | other | {"columns": list(columns or ["a", "b"])}


def opened_now(checkpoint: Checkpoint, **held: Any) -> Mark:
    return opened(checkpoint, ES, lambda: kafka(**held), fingerprints)


def ran(checkpoint: Checkpoint) -> Mark:
    """A checkpoint whose query has run."""
    opened_now(checkpoint)
    has_begun(checkpoint)
    spark_files(checkpoint.folder)
    mark = checkpoint.mark()
    assert mark is not None
    assert mark.phase is Phase.RUNNING
    return mark


def refused(checkpoint: Checkpoint, **held: Any) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        opened_now(checkpoint, **held)
    assert caught.value.command == "garonne rebuild heat"
    return caught.value


def test_a_query_that_never_ran_begins_without_fuss(checkpoint: Checkpoint) -> None:
    mark = opened_now(checkpoint)
    assert (mark.generation, mark.phase, mark.fingerprint) == (1, Phase.NEW, NOW)
    assert checkpoint.mark() == mark


def test_one_that_has_run_goes_on(checkpoint: Checkpoint) -> None:
    mark = ran(checkpoint)
    assert opened_now(checkpoint, end=50) == mark


def test_a_driver_that_dies_while_it_begins_leaves_nothing_to_mend(
    checkpoint: Checkpoint, known: dict[str, int]
) -> None:
    checkpoint.write(Mark("heat", Phase.BEGINNING))
    known["heat"] = 1  # Elasticsearch had counted, and the mark did not know yet
    assert opened_now(checkpoint).generation == 2


def test_one_that_died_as_it_wrote_down_its_first_batch_leaves_nothing_to_mend(checkpoint: Checkpoint) -> None:
    opened_now(checkpoint)
    spark_files(checkpoint.folder, batches=0, committed=0)
    shutil.rmtree(checkpoint.folder / "state")
    begun = [checkpoint.folder / "offsets" / name for name in (".0.6c0d.tmp", "..0.6c0d.tmp.crc")]
    for path in begun:
        path.touch()
    assert opened_now(checkpoint).phase is Phase.NEW
    assert not any(path.exists() for path in begun)
    assert (checkpoint.folder / "metadata").exists()


def test_a_checkpoint_that_is_gone_is_not_taken_for_a_new_query(checkpoint: Checkpoint) -> None:
    ran(checkpoint)
    shutil.rmtree(checkpoint.folder)
    error = refused(checkpoint)
    assert error.reason is Reason.LOST
    assert "it has run before (generation 1), and its checkpoint" in str(error)
    assert not checkpoint.folder.exists()


def test_a_mark_that_is_gone_is_missed(checkpoint: Checkpoint) -> None:
    ran(checkpoint)
    (checkpoint.folder / "garonne.json").unlink()
    assert refused(checkpoint).why == "its checkpoint has lost its mark"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"query": "heat", "generation": 1, "phase": "unknown"}'])
def test_a_mark_that_cannot_be_read_is_damage(text: str, checkpoint: Checkpoint) -> None:
    ran(checkpoint)
    (checkpoint.folder / "garonne.json").write_text(text)
    assert refused(checkpoint).reason is Reason.DAMAGED


def test_the_mark_of_another_query_is_refused(checkpoint: Checkpoint) -> None:
    checkpoint.write(replace(ran(checkpoint), query="parking"))
    assert refused(checkpoint).why == "its checkpoint is that of parking"


def test_a_mark_without_a_fingerprint_of_before_is_refused(checkpoint: Checkpoint) -> None:
    ran(checkpoint)
    (checkpoint.folder / "garonne.json").write_text(json.dumps({"query": "heat", "generation": 1}))
    assert refused(checkpoint).reason is Reason.CHANGED


@pytest.mark.parametrize("generation", [1, 3])
def test_a_checkpoint_of_another_generation_is_refused(
    generation: int, checkpoint: Checkpoint, known: dict[str, int]
) -> None:
    mark = ran(checkpoint)
    checkpoint.write(replace(mark, generation=2))
    known["heat"] = generation
    assert f"Elasticsearch knows generation {generation}" in refused(checkpoint).why


def test_sparks_files_are_missed_once_a_batch_was_written(checkpoint: Checkpoint) -> None:
    opened_now(checkpoint)
    assert opened_now(checkpoint).phase is Phase.NEW  # a driver killed before its first batch
    has_begun(checkpoint)
    assert refused(checkpoint).why == "its checkpoint is damaged: Spark's files are gone"


def test_a_damaged_file_is_named(checkpoint: Checkpoint) -> None:
    ran(checkpoint)
    (checkpoint.folder / "metadata").unlink()
    error = refused(checkpoint)
    assert (error.reason, error.why) == (Reason.DAMAGED, "its checkpoint is damaged: the file metadata is gone")


def test_records_that_kafka_dropped_are_counted(checkpoint: Checkpoint) -> None:
    ran(checkpoint)
    error = refused(checkpoint, first=40, end=50)
    assert error.reason is Reason.PLACE
    assert error.why.startswith("20 records that it had not read")


def test_a_topic_made_again_is_recognised_however_long_it_is(checkpoint: Checkpoint) -> None:
    ran(checkpoint)
    assert "deleted and made again" in refused(checkpoint, end=1000, topic_id="b").why


def test_a_broker_that_has_just_come_back_is_asked_again(checkpoint: Checkpoint) -> None:
    mark = ran(checkpoint)
    answers = [kafka(end=12), kafka(end=30)]
    assert opened(checkpoint, ES, lambda: answers.pop(0), fingerprints) == mark
    assert answers == []


def test_a_rebuild_that_did_not_end_is_not_gone_on_with(checkpoint: Checkpoint) -> None:
    checkpoint.begin(ES, Phase.REBUILDING)
    assert refused(checkpoint).reason is Reason.UNFINISHED


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"plan": "q"}, r"what it computes \(Spark's plan\) has changed"),
        ({"code": {"jobs.indicators.heat": "1"}}, "the code of jobs.indicators.heat has changed"),
        ({"declaration": {"window": "0:10:00"}}, "window was 0:05:00 and is 0:10:00"),
        ({"partitions": "8"}, "spark.sql.shuffle.partitions was 2 and is 8"),
    ],
)
def test_a_changed_job_is_refused_with_what_changed(change: dict[str, Any], said: str, checkpoint: Checkpoint) -> None:
    ran(checkpoint)
    with pytest.raises(RefusedError, match=said) as caught:
        opened(checkpoint, ES, kafka, lambda c: fingerprints(c, **change))
    assert caught.value.reason is Reason.CHANGED


def test_a_checkpoint_that_is_kept_is_that_of_the_changed_job(checkpoint: Checkpoint) -> None:
    ran(checkpoint)
    checkpoint.keep()
    mark = opened(checkpoint, ES, kafka, lambda c: fingerprints(c, plan="q"))
    assert (mark.generation, mark.phase) == (1, Phase.RUNNING)
    assert opened(checkpoint, ES, kafka, lambda c: fingerprints(c, plan="q")) == mark
    assert refused(checkpoint).reason is Reason.CHANGED


def test_so_is_one_of_before_fingerprints(checkpoint: Checkpoint) -> None:
    ran(checkpoint)
    (checkpoint.folder / "garonne.json").write_text(json.dumps({"query": "heat", "generation": 1}))
    checkpoint.keep()
    assert opened_now(checkpoint).fingerprint == NOW


def test_what_is_lost_or_half_rebuilt_cannot_be_kept(checkpoint: Checkpoint) -> None:
    with pytest.raises(RefusedError, match="it has no checkpoint that could be kept"):
        checkpoint.keep()
    checkpoint.begin(ES, Phase.REBUILDING)
    with pytest.raises(RefusedError, match="nothing that could be kept"):
        checkpoint.keep()


def test_a_job_changed_before_its_first_batch_is_its_own(checkpoint: Checkpoint) -> None:
    opened_now(checkpoint)
    mark = opened(checkpoint, ES, kafka, lambda c: fingerprints(c, plan="q"))
    assert mark.fingerprint is not None
    assert mark.fingerprint["plan"] == "q"


def test_a_job_is_compared_over_the_columns_its_checkpoint_began_with(checkpoint: Checkpoint) -> None:
    ran(checkpoint)
    asked: list[Any] = []

    def of_a_later_contract(columns: Sequence[str] | None) -> dict[str, Any]:
        asked.append(columns)
        return NOW | {"columns": list(columns or ["a", "b", "c"])}

    opened(checkpoint, ES, kafka, of_a_later_contract)
    assert asked == [["a", "b"]]


@pytest.mark.parametrize("harm", ["gone", "damaged"])
def test_a_query_without_state_begins_anew_by_itself(harm: str, tmp_path: Path) -> None:
    checkpoint = Checkpoint("observations", tmp_path / "observations", is_stateless=True)
    opened(checkpoint, ES, kafka, None)
    has_begun(checkpoint)
    spark_files(checkpoint.folder)
    if harm == "gone":
        shutil.rmtree(checkpoint.folder)
    else:
        (checkpoint.folder / "metadata").unlink()
    mark = opened(checkpoint, ES, kafka, None)
    assert (mark.generation, mark.phase) == (2, Phase.NEW)
    assert len(list((tmp_path / ".aside").glob("observations-*"))) == (harm == "damaged")


def test_even_without_state_lost_records_are_said_and_not_passed_over(tmp_path: Path) -> None:
    checkpoint = Checkpoint("observations", tmp_path / "observations", is_stateless=True)
    opened(checkpoint, ES, kafka, None)
    has_begun(checkpoint)
    spark_files(checkpoint.folder)
    with pytest.raises(RefusedError, match="20 records that it had not read are no longer in Kafka"):
        opened(checkpoint, ES, lambda: kafka(first=40, end=50), None)


def test_one_process_at_a_time_works_with_a_checkpoint(checkpoint: Checkpoint) -> None:
    with checkpoint.held(), pytest.raises(BusyError), checkpoint.held():
        pass
    with checkpoint.held():
        pass


def test_what_is_set_aside_is_kept_three_times(checkpoint: Checkpoint) -> None:
    places = []
    for minute in range(5):
        checkpoint.begin(ES)
        places.append(checkpoint.set_aside(datetime(2026, 11, 22, 12, minute, tzinfo=UTC)))
    assert [p is not None and p.is_dir() for p in places] == [False, False, True, True, True]
    assert not checkpoint.folder.exists()
    assert checkpoint.set_aside(datetime(2026, 11, 22, 13, tzinfo=UTC)) is None
