from __future__ import annotations

import asyncio
import gzip
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.cursor import Cursor
from connectors.delivery import Context
from connectors.transports import files
from tests.connectors.scripted import Errors, KeptIntake, until

HEADER = b"id;at;t\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


def options(**given: Any) -> files.Options:
    return files.Options.model_validate({"kind": "files", "folder": "in", "period_seconds": 0.005, **given})


def watch(context: Context, **given: Any) -> KeptIntake:
    """What a watcher delivers when it looks three times."""

    async def watching() -> KeptIntake:
        intake = KeptIntake(context, 0)
        watcher = files._Watcher(options(**{"settle_seconds": 0, **given}), context, intake)
        for _ in range(3):
            await watcher._look()
        return intake

    return asyncio.run(watching())


def rows(first: int, last: int) -> bytes:
    return b"".join(b"s%d;2026-07-14T10:00:00Z;20\n" % n for n in range(first, last + 1))


def test_files_come_once_and_in_the_order_of_their_names(context: Context, folder: Path) -> None:
    for name in ("c.json", "a.json", "b.json"):
        (folder / name).write_bytes(name.encode())
    intake = watch(context)
    assert intake.bodies == [b"a.json", b"b.json", b"c.json"]
    assert intake.deliveries[0].payload.content_type == "application/json"
    assert intake.deliveries[0].payload.place == "a.json:1"


def test_a_large_csv_comes_in_pieces_that_each_have_the_header(context: Context, folder: Path) -> None:
    (folder / "a.csv.gz").write_bytes(gzip.compress(HEADER + rows(1, 5)))
    intake = watch(context, max_lines_per_payload=2)
    assert intake.bodies == [HEADER + rows(1, 2), HEADER + rows(3, 4), HEADER + rows(5, 5)]
    assert [d.payload.place for d in intake.deliveries] == ["a.csv.gz:2", "a.csv.gz:4", "a.csv.gz:6"]
    assert [d.position["lines"] for d in intake.deliveries if d.position] == [3, 5, 6]


def test_after_a_restart_a_file_goes_on_where_kafka_had_it(context: Context, folder: Path) -> None:
    (folder / "a.csv").write_bytes(HEADER + rows(1, 6))
    first = watch(context, max_lines_per_payload=2)
    half_way = Cursor()
    half_way.advance("a.csv", first.deliveries[0].position or {})
    again = watch(replace(context, cursor=half_way), max_lines_per_payload=2)
    assert again.bodies == first.bodies[1:]


def test_a_file_that_was_done_stays_done_and_one_that_changed_is_read_anew(context: Context, folder: Path) -> None:
    (folder / "a.json").write_bytes(b"one")
    watch(context)
    assert watch(context).bodies == []
    (folder / "a.json").write_bytes(b"other")
    assert watch(context).bodies == [b"other"]


def test_names_of_files_that_are_gone_are_forgotten(context: Context, folder: Path) -> None:
    (folder / "a.json").write_bytes(b"one")
    watch(context)
    (folder / "a.json").unlink()
    watch(context)
    assert context.cursor.position("a.json") is None


def test_a_file_that_still_grows_waits(context: Context, folder: Path) -> None:
    async def growing() -> list[bytes]:
        intake = KeptIntake(context, 1)
        watcher = files._Watcher(options(settle_seconds=3600), context, intake)
        for part in (b"1", b"2", b"3"):
            with (folder / "a.json").open("ab") as f:
                f.write(part)
            await watcher._look()
        assert intake.bodies == []
        await watcher._look()
        return intake.bodies

    assert asyncio.run(growing()) == [b"123"]


def test_what_is_not_a_plain_file_of_the_folder_is_left_alone(context: Context, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"no")
    for name in (".hidden", "a.json.part", "b.tmp", "other.xml"):
        (folder / name).write_bytes(b"no")
    (folder / "link.json").symlink_to(tmp_path / "secret")
    (folder / "deeper.json").mkdir()
    os.mkfifo(folder / "pipe.json")
    (folder / "good.json").write_bytes(b"yes")
    assert watch(context, pattern="*.json").bodies == [b"yes"]


def test_a_folder_that_is_not_there_yet_is_waited_for(context: Context) -> None:
    assert watch(context).bodies == []


def test_done_files_are_moved_aside_when_that_is_asked_for(context: Context, folder: Path) -> None:
    (folder / "a.csv").write_bytes(HEADER + rows(1, 3))
    watch(context, max_lines_per_payload=2, move_done=True)
    assert [p.name for p in folder.iterdir()] == ["done"]
    assert (folder / "done" / "a.csv").read_bytes() == HEADER + rows(1, 3)


def test_a_quoted_line_break_does_not_end_a_piece(context: Context, folder: Path) -> None:
    quoted = b's1;"two\nlines";20\n'
    (folder / "a.csv").write_bytes(HEADER + quoted + rows(2, 2))
    assert watch(context, max_lines_per_payload=1).bodies == [HEADER + quoted, HEADER + rows(2, 2)]


def test_a_line_that_is_too_long_is_refused_alone(context: Context, folder: Path) -> None:
    (folder / "a.jsonl").write_bytes(b"1\n" + b"x" * 5_000 + b"\n3\n")
    intake = watch(context, max_line_bytes=100)
    assert [d.payload.body for d in intake.deliveries if d.problem is None] == [b"1\n", b"3\n"]
    problem = intake.deliveries[1].problem
    assert problem is not None
    assert (problem.reason, problem.place) == ("too_large", "a.jsonl:2")


@pytest.mark.parametrize("cut", [1, 9, 30])
def test_a_damaged_gz_gives_what_can_be_read_and_one_problem(context: Context, folder: Path, cut: int) -> None:
    whole = gzip.compress(HEADER + os.urandom(20_000).hex().encode() + b"\n" + rows(1, 100))
    (folder / "a.csv.gz").write_bytes(whole[:-cut])
    (folder / "b.json").write_bytes(b"next")
    intake = watch(context, max_lines_per_payload=1)
    assert intake.bodies[-1] == b"next"
    problems = [d.problem for d in intake.deliveries if d.problem]
    assert [p.reason for p in problems] == ["malformed"]


def test_a_gz_that_unpacks_to_far_more_is_hostile(context: Context, folder: Path) -> None:
    (folder / "a.jsonl.gz").write_bytes(gzip.compress((b"0" * 99 + b"\n") * 300_000))
    problems = [
        d.problem for d in watch(context, max_ratio=50, max_lines_per_payload=1_000_000).deliveries if d.problem
    ]
    assert [p.reason for p in problems] == ["hostile"]


def test_a_whole_file_over_the_limit_is_refused(context: Context, folder: Path) -> None:
    (folder / "a.json").write_bytes(b"x" * 2_000)
    problems = [d.problem for d in watch(context, max_payload_bytes=1_000).deliveries if d.problem]
    assert [p.reason for p in problems] == ["too_large"]


def test_a_folder_that_cannot_be_read_is_reported(context: Context, errors: Errors, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"a file")

    async def running() -> None:
        task = asyncio.create_task(files.run(options(), context, KeptIntake(context, 0)))
        await until(lambda: len(errors.kinds) >= 2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(running())
    assert set(errors.kinds) == {"folder"}


def test_a_preview_gets_the_beginning_of_the_newest_file(context: Context, folder: Path) -> None:
    for name, at in (("b.csv", 1_000), ("a.csv", 2_000)):
        (folder / name).write_bytes(HEADER + rows(1, 9) + name.encode())
        os.utime(folder / name, (at, at))

    async def fetching() -> list[bytes]:
        return [p.body async for p in files.fetch(options(max_lines_per_payload=3), context)]

    assert asyncio.run(fetching()) == [HEADER + rows(1, 3)]
