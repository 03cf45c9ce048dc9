"""What is said of a query by its metrics, and of feeds and jobs by the ledger."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from garonne.metrics_view import Sample
from garonne.pipeline import accounts, query_state
from jobs.engine.ledger import FeedHour, JobHour, Ledger
from serving.pipeline import PartitionLag

LAGS = [
    Sample("garonne_query_lag_records", {"query": "q", "topic": "city.a.v1", "partition": partition}, value)
    for partition, value in (("10", 4.0), ("2", 3.0))
]
BOUNDS = {"0.5": 80.0, "1.0": 96.0, "+Inf": 100.0}


def samples(**more: float) -> list[Sample]:
    buckets = [Sample("garonne_query_batch_seconds_bucket", {"query": "q", "le": le}, n) for le, n in BOUNDS.items()]
    known = {
        "garonne_query_batch_seconds_count": 100.0,
        "garonne_query_batch_seconds_sum": 40.0,
        "garonne_query_watermark_timestamp_seconds": 1_800_000_000.0,
        "garonne_query_rows_total": 1234.0,
        **more,
    }
    return [*buckets, *LAGS, *(Sample(name, {"query": "q"}, value) for name, value in known.items())]


def test_lag_watermark_and_batch_times_are_told() -> None:
    found = query_state("q", samples())
    assert (found.state, found.lag_records, found.rows_count) == ("running", 7.0, 1234)
    assert found.lag_by_partition == (PartitionLag("city.a.v1", 2, 3), PartitionLag("city.a.v1", 10, 4))
    assert (found.mean_batch_seconds, found.p95_batch_seconds) == (0.4, 1.0)
    assert found.watermark == datetime.fromtimestamp(1_800_000_000, UTC)


@pytest.mark.parametrize(
    ("metric", "reason", "state", "words"),
    [
        ("garonne_query_refused", "lost", "refused", "checkpoint is gone"),
        ("garonne_query_paused", "kafka", "paused", "Kafka does not answer"),
        ("garonne_sink_waiting", "429", "waiting", "for 12 s: 429"),
    ],
)
def test_a_query_that_does_not_run_says_why(metric: str, reason: str, state: str, words: str) -> None:
    found = query_state("q", [*samples(), Sample(metric, {"query": "q", "reason": reason}, 12.0)])
    assert found.state == state
    assert words in found.reason


def test_a_query_that_has_done_nothing_yet_has_no_times() -> None:
    found = query_state("q", LAGS)
    assert (found.mean_batch_seconds, found.p95_batch_seconds, found.watermark) == (None, None, None)


NOW = datetime(2026, 7, 14, 12, tzinfo=UTC)


def test_hours_are_added_up_and_only_settled_ones_are_judged() -> None:
    def feed(hours_ago: int, indexed: int) -> FeedHour:
        at = NOW - timedelta(hours=hours_ago)
        return FeedHour("t", "f", "weather_observed", at, 5, 4, 0, Counter({"malformed": 1}), indexed, changed_at=at)

    job = JobHour("t", "parking_by_site", "parking_observed", NOW, expected=3, in_results=3)
    by_feed, by_job = accounts(Ledger([feed(2, 4), feed(1, 3), feed(0, 0)], [job]), NOW)
    assert by_feed.counts == {"received": 15, "accepted": 12, "duplicate": 0, "indexed": 7, "rejected": 3}
    assert [(p.hour, p.what) for p in by_feed.problems] == [
        (NOW - timedelta(hours=1), "1 accepted and not in the index")
    ]
    assert (by_job.counted_by, by_job.counts["in_results"], by_job.problems) == ("job", 3, ())
