from __future__ import annotations

import random

import pytest

from connectors.breaker import Breaker, BreakerOptions, PausedError


def stopped_after(breaker: Breaker, payloads: list[tuple[int, int]]) -> int | None:
    """How many records were taken until the breaker opened."""
    taken = 0
    for bad, total in payloads:
        taken += total
        try:
            breaker.judge(bad, total)
        except PausedError:
            return taken
    return None


def test_nothing_but_bad_records_stop_a_feed_after_fifty_however_they_come() -> None:
    assert stopped_after(Breaker(BreakerOptions()), [(1, 1)] * 100) == 50
    assert stopped_after(Breaker(BreakerOptions()), [(49, 49), (1, 1)]) == 50
    assert stopped_after(Breaker(BreakerOptions()), [(5_000, 5_000)]) == 5_000
    assert stopped_after(Breaker(BreakerOptions()), [(49, 49)]) is None


def test_long_good_times_do_not_delay_the_stop() -> None:
    payloads = [(0, 1)] * 100_000 + [(1, 1)] * 100
    assert stopped_after(Breaker(BreakerOptions()), payloads) == 100_050


@pytest.mark.parametrize("size", [1, 7, 100, 5_000])
def test_data_of_which_half_is_bad_go_on(size: int) -> None:
    rng = random.Random(size)
    payloads = [(sum(rng.random() < 0.5 for _ in range(size)), size) for _ in range(200_000 // size)]
    assert stopped_after(Breaker(BreakerOptions()), payloads) is None


def test_data_of_which_four_in_five_are_bad_stop() -> None:
    rng = random.Random(1)
    found = stopped_after(Breaker(BreakerOptions()), [(int(rng.random() < 0.8), 1) for _ in range(1_000)])
    assert found is not None
    assert found < 300


def test_the_lines_of_one_broken_station_may_stand_together() -> None:
    assert stopped_after(Breaker(BreakerOptions()), [(200, 1_000)] * 100) is None


def test_a_feed_may_do_without() -> None:
    assert stopped_after(Breaker(None), [(1, 1)] * 1_000) is None


def test_it_closes_when_the_newest_are_good() -> None:
    breaker = Breaker(BreakerOptions())
    assert stopped_after(breaker, [(50, 50)]) == 50
    assert breaker.is_open
    breaker.begin()
    assert not breaker.closes(2_000, 2_000)
    assert not breaker.closes(0, 33)
    assert breaker.closes(0, 1)
    assert not breaker.is_open
