from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors import cursor as module
from connectors.counts import Tally
from connectors.cursor import Cursor, Progress, cursor_path
from connectors.duplicates import Newest, Seen

AT = datetime(2026, 7, 14, 12, 0, 0, 123_456, tzinfo=UTC)


def saved(path: Path) -> Cursor:
    cursor = Cursor(path)
    keys = [("s1", AT), ("s2", AT), ("s1", AT + timedelta(microseconds=1))]
    cursor.settle(Progress("a", {"lines": 3}, Tally(AT), repeats=True, keys=keys))
    asyncio.run(cursor.save())
    return cursor


def test_what_was_saved_is_there_again(tmp_path: Path) -> None:
    path = cursor_path(tmp_path, "feed")
    cursor = saved(path)
    again = Cursor(path)
    assert again.position("a") == {"lines": 3}
    assert set(again.keys()) == set(cursor.keys())
    assert len(again.keys()) == 3


def test_what_was_not_saved_is_not(tmp_path: Path) -> None:
    path = cursor_path(tmp_path, "feed")
    saved(path).advance("a", {"lines": 9})
    assert Cursor(path).position("a") == {"lines": 3}


def test_sources_that_are_gone_are_forgotten(tmp_path: Path) -> None:
    cursor = saved(tmp_path / "c.json")
    cursor.keep(["b"])
    asyncio.run(cursor.save())
    assert Cursor(tmp_path / "c.json").position("a") is None


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"version": 2}', b'{"version": 1}', b"\xff", b'{"version":1,"positions":3,"seen":{}}'],
)
def test_a_cursor_that_cannot_be_read_starts_the_feed_anew(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(content)
    assert Cursor(path).keys() == []
    assert Cursor(path).position("a") is None


def test_a_save_that_is_told_to_stop_is_done_once_more_and_not_overtaken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = threading.Event(), threading.Event()
    write = module._write

    def slow(path: Path, content: Mapping[str, Any]) -> None:
        begun.set()
        assert may_end.wait(30)
        write(path, content)

    async def main() -> Cursor:
        cursor = Cursor(tmp_path / "c.json")
        cursor.advance("a", {"lines": 1})
        monkeypatch.setattr(module, "_write", slow)
        saving = asyncio.create_task(cursor.save())
        await asyncio.to_thread(begun.wait, 30)
        saving.cancel()
        await asyncio.sleep(0)
        assert not saving.done()  # a thread cannot be told to stop
        may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await saving
        await cursor.save()
        return cursor

    before = datetime.now(UTC)
    assert asyncio.run(main()).counted_at > before
    assert Cursor(tmp_path / "c.json").position("a") == {"lines": 1}


def test_a_cursor_that_cannot_be_written_is_written_later(tmp_path: Path) -> None:
    (tmp_path / "blocked").write_bytes(b"a file where the folder should be")
    path = tmp_path / "blocked" / "c.json"
    cursor = Cursor(path)
    cursor.advance("a", {"lines": 3})
    with pytest.raises(OSError, match="blocked"):
        asyncio.run(cursor.save())
    (tmp_path / "blocked").unlink()
    asyncio.run(cursor.save())
    assert Cursor(path).position("a") == {"lines": 3}


def test_a_key_is_new_once_and_the_newer_half_is_remembered_for_certain() -> None:
    seen: Seen[int] = Seen(limit=100)
    assert [seen.is_new(n) for n in range(1_000)] == [True] * 1_000
    assert [seen.is_new(n) for n in range(950, 1_000)] == [False] * 50
    assert seen.is_new(0)


def test_memory_of_keys_is_bounded() -> None:
    seen: Seen[int] = Seen(limit=100)
    for n in range(1_000):
        seen.is_new(n)
    assert sum(not seen.is_new(n) for n in range(1_000)) <= 100


def test_the_newest_keys_are_kept() -> None:
    newest = Newest(limit=2)
    newest.add([("a", AT), ("b", AT), ("c", AT)])
    assert newest.keys() == [("b", AT), ("c", AT)]
