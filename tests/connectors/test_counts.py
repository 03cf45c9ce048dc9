from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest

from connectors.counts import Counts, HourCounts, Tally, hour_of, hour_start
from connectors.feed import Feed
from connectors.ledger import rows
from runtime.avro import encoder
from schemas import contract

AT = datetime(2026, 7, 14, 12, 30, tzinfo=UTC)
HOUR = hour_of(AT)


def restored(counts: Counts) -> Counts:
    stored, _ = counts.snapshot()
    return Counts(orjson.loads(orjson.dumps(stored)))


@pytest.mark.parametrize(
    ("at", "hour"),
    [
        (AT.replace(minute=0), HOUR),
        (AT.replace(minute=59, second=59, microsecond=999_999), HOUR),
        (AT.replace(hour=13, minute=0), HOUR + 1),
        (AT.astimezone(timezone(timedelta(hours=5, minutes=30))), HOUR),
        (datetime(1969, 12, 31, 23, 59, tzinfo=UTC), -1),
    ],
)
def test_the_hour_is_that_of_event_time_in_utc(at: datetime, hour: int) -> None:
    tally = Tally(AT + timedelta(days=1))
    assert tally.hour(at).hour == hour
    assert tally.hour(at).hour == hour
    assert hour_start(hour) <= at < hour_start(hour + 1)


def test_a_record_whose_time_is_missing_or_not_believed_counts_in_the_hour_it_came_in() -> None:
    tally = Tally(AT, tolerance=timedelta(minutes=10))
    naive, none = AT.replace(tzinfo=None), None
    assert {tally.hour(at).hour for at in (none, naive, "12:30", AT + timedelta(days=3_650))} == {HOUR}  # type: ignore[arg-type]
    near_midnight = Tally(AT.replace(minute=55), tolerance=timedelta(minutes=10))
    assert near_midnight.hour(AT.replace(hour=13, minute=4)).hour == HOUR + 1
    assert near_midnight.hour(AT.replace(hour=13, minute=6)).hour == HOUR


def test_counts_are_the_same_when_they_are_read_again() -> None:
    counts = Counts()
    counts.add([HourCounts(HOUR, 4, 2, 1, {"malformed": 1}), HourCounts(-1, 1, 1)])
    counts.add([HourCounts(HOUR, 2, 0, 0, {"malformed": 1, "hostile": 1})])
    again = restored(counts)
    assert (
        again.hours()
        == counts.hours()
        == [HourCounts(-1, 1, 1), HourCounts(HOUR, 6, 2, 1, {"malformed": 2, "hostile": 1})]
    )
    assert list(again.saved) == [HOUR, -1]


def test_what_the_ledger_has_is_not_sent_again_unless_it_changes() -> None:
    counts = Counts()
    counts.add([HourCounts(HOUR, 1, 1), HourCounts(HOUR + 1, 1, 1)])
    _, counts.saved = counts.snapshot()
    first, second = counts.saved.values()
    counts.add([HourCounts(HOUR + 1, 1, 1)])
    counts.reported(first)
    counts.reported(second)
    assert counts.saved == {}
    assert restored(counts).saved == {HOUR + 1: HourCounts(HOUR + 1, 2, 2)}


def test_what_is_not_saved_is_not_for_the_ledger() -> None:
    counts = Counts()
    counts.add([HourCounts(HOUR, 1, 1)])
    assert counts.saved == {}
    _, counts.saved = counts.snapshot()
    counts.add([HourCounts(HOUR, 1, 1)])
    assert counts.saved == {HOUR: HourCounts(HOUR, 1, 1)}


def test_the_hours_are_bounded_and_the_one_touched_longest_ago_goes() -> None:
    counts = Counts(limit=2)
    for hour in (1, 2, 1, 3):
        counts.add([HourCounts(hour, 1, 1)])
    assert [(c.hour, c.received) for c in counts.hours()] == [(1, 2), (3, 1)]
    assert list(restored(counts).saved) == [1, 3]


def test_an_hour_has_a_row_for_each_outcome_and_reason_that_fits_the_contract(weather_feed: Feed) -> None:
    counted = HourCounts(HOUR, 7, 3, 0, {"malformed": 3, "hostile": 1})
    found = list(rows(weather_feed, counted, AT))
    assert [(r["outcome"], r["reason"], r["records_count"]) for r in found] == [
        ("received", "", 7),
        ("accepted", "", 3),
        ("duplicate", "", 0),
        ("rejected", "hostile", 1),
        ("rejected", "malformed", 3),
    ]
    encode = encoder(contract("ledger"), 1)
    assert all(encode(row) for row in found)
    assert {(r["counter"], r["counted_by"], r["hour"]) for r in found} == {
        ("test-feed", "source", AT.replace(minute=0))
    }
