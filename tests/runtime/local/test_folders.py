"""Small files survive crashes, and secrets are for their owner alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runtime.local.folders import locked, read_json, secret, write_json, write_private

TRY_LOCK = "import fcntl, sys; fcntl.flock(open(sys.argv[1]), fcntl.LOCK_EX | fcntl.LOCK_NB)"


def test_a_secret_is_random_the_same_again_and_private(tmp_path: Path) -> None:
    password = secret(tmp_path, "mqtt")
    assert secret(tmp_path, "mqtt") == password
    assert secret(tmp_path, "elasticsearch") != password
    assert len(password) >= 32
    assert (tmp_path / "secrets" / "mqtt").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


def test_a_file_that_was_cut_off_counts_as_empty(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_json(path, {"ports": {"port": 20000}})
    path.write_text(path.read_text()[:-5])
    assert read_json(path) == {}
    assert read_json(tmp_path / "missing.json") == {}


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(IsADirectoryError):
        write_private(tmp_path / "taken", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_lock_keeps_other_processes_out_and_is_let_go(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    attempt = [sys.executable, "-c", TRY_LOCK, str(lock)]
    with locked(lock):
        assert subprocess.run(attempt, check=False, capture_output=True).returncode != 0
    assert subprocess.run(attempt, check=False, capture_output=True).returncode == 0
