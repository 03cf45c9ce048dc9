"""What adds up and what does not; hours are judged once nothing is on its way any more."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs.engine.ledger import FEED_SETTLES, FeedHour, JobHour, Ledger, rows
from jobs.job import all_jobs
from schemas import contract
from schemas.validation import problems as invalid

HOUR = datetime(2026, 7, 14, 21, tzinfo=UTC)
NOW = HOUR + timedelta(hours=2)


def feed(**counts: Any) -> FeedHour:
    balanced: dict[str, Any] = {
        "received": 100,
        "accepted": 90,
        "duplicate": 7,
        "rejected": Counter(malformed=3),
        "indexed": 90,
    }
    return FeedHour("muret", "stations", "weather_observed", HOUR, **{**balanced, **counts}, changed_at=HOUR)


def job(**counts: int) -> JobHour:
    balanced = {"expected": 90, "in_results": 90}
    return JobHour("muret", "heat_island_hourly", "weather_observed", HOUR, **{**balanced, **counts}, changed_at=HOUR)


def test_what_was_accepted_and_is_indexed_adds_up() -> None:
    assert feed().problem() is None
    assert job().problem() is None


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ({"indexed": 89}, "1 accepted and not in the index"),
        ({"indexed": 91}, "1 in the index that no connector accepted"),
        ({"received": 101}, "101 received, 100 accounted for"),
        ({"rejected": Counter(malformed=2)}, "100 received, 99 accounted for"),
    ],
)
def test_a_feed_of_which_one_record_is_missing_says_so(counts: dict[str, Any], says: str) -> None:
    assert feed(**counts).problem() == says


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ({"in_results": 89}, "1 indexed and in no result"),
        ({"in_results": 88, "late": 3, "repaired": 2}, "1 indexed and in no result"),
        ({"in_results": 91}, "1 in results that are not in the index"),
        ({"in_results": 80, "late": 10}, None),  # waits for its repair
        ({"late": 4}, None),  # late repeats of what was on time
        ({"late": 10, "repaired": 10}, None),
    ],
)
def test_what_is_in_no_result_has_to_wait_for_a_repair(counts: dict[str, int], says: str | None) -> None:
    assert job(**counts).problem() == says


def test_hours_are_judged_when_they_are_settled() -> None:
    found = Ledger([feed(indexed=0)], [job(in_results=0)])
    freshness = all_jobs()["heat_island_hourly"].freshness
    assert found.problems(HOUR + FEED_SETTLES / 2) == []
    assert len(found.problems(HOUR + FEED_SETTLES)) == 1
    assert len(found.problems(HOUR + freshness + timedelta(minutes=1))) == 2
    assert len(found.problems()) == 2


def test_rows_are_records_of_the_contract() -> None:
    made = list(rows(Ledger([feed()], [job(late=2)]), NOW))
    assert [p for row in made for p in invalid(contract("ledger"), row)] == []
    assert {(r["outcome"], r["records_count"]) for r in made} == {
        ("indexed", 90),
        ("expected", 90),
        ("in_results", 90),
        ("late", 2),
        ("repaired", 0),
    }
