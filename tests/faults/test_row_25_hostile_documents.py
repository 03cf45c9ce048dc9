"""Row 25: XML and zip bombs, external entities, zip slip, endless depth and breadth: refused within 1 s and 100 MB.

The seconds are of the processor: others run on this machine too.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from connectors.feed import FeedError, load_feed
from runtime.settings import PROJECT
from tests.faults.hostile import CORPUS

SECONDS = 1.0
PEAK_MB = 100.0
LIMIT_SECONDS = 240
REFUSED = {"hostile", "too_large", "malformed", "refused"}


@pytest.fixture(scope="module")
def decoded() -> dict[str, dict[str, Any]]:
    """What became of each payload of the corpus, in a process of its own, and what it cost."""
    command = [sys.executable, "-m", "tests.faults.hostile"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=LIMIT_SECONDS)
    assert done.returncode == 0, done.stderr[-2000:]
    return {said["name"]: said for said in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("name", CORPUS)
def test_it_is_refused_as_a_whole_in_little_time_and_memory(decoded: dict[str, dict[str, Any]], name: str) -> None:
    said = decoded[name]
    assert len(said["outcome"]) == 1
    assert said["outcome"][0] in REFUSED
    assert said["seconds"] <= SECONDS
    assert said["peak_mb"] <= PEAK_MB


ALIASES = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9) if n else 'x'}]" for n in range(12))


@pytest.mark.parametrize("text", [ALIASES, "title: " + "[" * 100_000, "title: " + "{a: " * 50_000], ids=len)
def test_a_hostile_feed_of_yaml_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "hostile.yaml"
    path.write_text(text)
    with pytest.raises(FeedError, match=r"alias|levels"):
        load_feed(path)
