"""Row 20: the disk with the state is full. Connectors go on without room for their cursors, and nothing is lost."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from runtime.endpoints import Endpoints
from tests.faults.disks import Disk, small_disk
from tests.servers.ingesting import City, message
from tests.servers.stacks import until

pytestmark = [pytest.mark.servers, pytest.mark.faults]

LIMIT_SECONDS = 300


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
