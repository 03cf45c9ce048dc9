"""Spark's progress as metrics."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import REGISTRY

from jobs.engine.progress import dropped, lag, record

PROGRESS: dict[str, Any] = {
    "name": "progress_test",
    "numInputRows": 120,
    "batchDuration": 1500,
    "sources": [{"endOffset": {"a": {"0": 70, "1": 50}, "b": {"0": 9}}, "latestOffset": {"a": {"0": 100, "1": 50}}}],
    "stateOperators": [{"numRowsDroppedByWatermark": 4}],
    "eventTime": {"watermark": "2026-07-14T12:00:00.000Z"},
}


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"garonne_query_{name}", {"query": "progress_test", **labels})


def test_a_batch_is_counted() -> None:
    record(PROGRESS)
    record(PROGRESS)
    assert value("rows_total") == 240
    assert value("batch_seconds_sum") == 3.0
    assert value("lag_records", topic="a", partition="0") == 30
    assert value("lag_records", topic="a", partition="1") == 0
    assert value("lag_records", topic="b", partition="0") == 0


@pytest.mark.parametrize("source", [{}, {"endOffset": None, "latestOffset": None}], ids=["unsaid", "not yet"])
def test_a_source_that_says_no_offsets_has_no_lag(source: dict[str, Any]) -> None:
    record(PROGRESS | {"sources": [source], "eventTime": {}, "stateOperators": []})
    assert lag(source) == {}


def test_rows_that_came_too_late_are_those_of_all_operators() -> None:
    assert dropped(PROGRESS) == 4
    assert dropped(PROGRESS | {"stateOperators": [{"numRowsDroppedByWatermark": n} for n in (1, 2)]}) == 3
    assert dropped(PROGRESS | {"stateOperators": []}) == 0
