"""Workers that wait for Elasticsearch are seen from outside."""

from __future__ import annotations

import json
from pathlib import Path

from prometheus_client import REGISTRY

from runtime.elastic.waiting import Waits, folder, show_waits, waits


def shown(reason: str) -> float | None:
    return REGISTRY.get_sample_value("garonne_sink_waiting", {"query": "heat", "reason": reason})


def test_a_worker_is_shown_while_it_waits(tmp_path: Path) -> None:
    tell = Waits(tmp_path, "heat")
    show_waits(tmp_path)
    assert list(waits(tmp_path)) == []
    tell("ConnectionError: refused")
    show_waits(tmp_path)
    assert shown("ConnectionError") is not None
    tell("cluster_block_exception: index [x] blocked")
    [wait] = waits(tmp_path)
    assert (wait.query, wait.reason.split(":")[0]) == ("heat", "cluster_block_exception")
    tell(None)
    show_waits(tmp_path)
    assert shown("ConnectionError") is shown("cluster_block_exception") is None


def test_what_a_killed_worker_left_is_forgotten(tmp_path: Path) -> None:
    Waits(tmp_path, "heat")("ConnectionError: refused")
    [path] = folder(tmp_path).iterdir()
    path.write_text(json.dumps({**json.loads(path.read_text()), "created": 1.0}))
    assert list(waits(tmp_path)) == []
    assert not path.exists()
