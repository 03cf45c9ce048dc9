"""Spark's progress as metrics."""

from __future__ import annotations

from typing import Any

from prometheus_client import REGISTRY

from jobs.engine.progress import dropped, record

PROGRESS: dict[str, Any] = {
    "name": "progress_test",
    "numInputRows": 120,
    "batchDuration": 1500,
    "sources": [{"metrics": {"maxOffsetsBehindLatest": "30", "avgOffsetsBehindLatest": "12.5"}}],
    "stateOperators": [{"numRowsDroppedByWatermark": 4}],
    "eventTime": {"watermark": "2026-07-14T12:00:00.000Z"},
}


def value(name: str) -> float | None:
    return REGISTRY.get_sample_value(f"garonne_query_{name}", {"query": "progress_test"})


def test_a_batch_is_counted() -> None:
    record(PROGRESS)
    record(PROGRESS)
    assert value("rows_total") == 240
    assert value("batch_seconds_sum") == 3.0
    assert value("lag_records") == 30


def test_a_query_without_metrics_of_its_source_is_not_behind() -> None:
    record(PROGRESS | {"sources": [{}], "eventTime": {}, "stateOperators": []})
    assert value("lag_records") == 0


def test_rows_that_came_too_late_are_those_of_all_operators() -> None:
    assert dropped(PROGRESS) == 4
    assert dropped(PROGRESS | {"stateOperators": [{"numRowsDroppedByWatermark": n} for n in (1, 2)]}) == 3
    assert dropped(PROGRESS | {"stateOperators": []}) == 0
