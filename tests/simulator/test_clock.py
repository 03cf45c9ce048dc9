from __future__ import annotations

import math

import pytest

from simulator.clock import CityClock, Phase

NOW = 1_784_000_000.0  # 20 min past an hour


class Real:
    """A clock on the wall that a test moves."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_it_starts_on_the_hour_a_day_ago_and_stands_until_it_begins() -> None:
    real = Real()
    clock = CityClock(real=real)
    assert clock.start % 3600 == 0
    assert NOW - 90_000 < clock.start <= NOW - 86_400
    real.now += 100
    assert clock.now() == clock.start
    assert not clock.is_running


def test_a_day_of_history_takes_a_minute_and_then_city_time_is_real_time() -> None:
    real = Real()
    clock = CityClock(history_seconds=60, real=real)
    clock.begin()
    real.now += 30
    assert clock.phase is Phase.HISTORY
    assert clock.now() - clock.start == pytest.approx(43_200)
    real.now += 32
    assert clock.now() == real.now
    assert clock.phase is Phase.LIVE
    real.now += 1000
    assert clock.now() == pytest.approx(real.now)


def test_its_steps_add_up_however_often_it_is_asked() -> None:
    real = Real()
    often, once = CityClock(real=real), CityClock(real=real)
    often.begin()
    once.begin()
    for _ in range(200):
        real.now += 0.1
        often.now()
    assert often.now() == pytest.approx(once.now())


def test_it_never_goes_past_its_limit_nor_back() -> None:
    real = Real()
    clock = CityClock(real=real)
    clock.begin()
    clock.limit = clock.start + 1800
    real.now += 30
    assert clock.now() == clock.start + 1800
    clock.limit = clock.start + 600
    assert clock.now() == clock.start + 1800
    clock.limit = math.inf
    real.now += 1
    assert clock.now() == pytest.approx(clock.start + 1800 + 1440)


def test_what_it_was_held_back_for_is_not_caught_up_in_a_jump() -> None:
    real = Real()
    clock = CityClock(real=real)
    clock.begin()
    clock.limit = clock.start
    real.now += 50
    clock.now()
    clock.limit = math.inf
    assert clock.now() == clock.start


def test_without_history_it_is_live_from_the_start() -> None:
    real = Real()
    clock = CityClock(history_hours=0, speed=4, real=real)
    assert clock.phase is Phase.LIVE
    assert clock.start == math.floor(NOW)
    clock.begin()
    real.now += 10
    assert clock.now() == clock.start + 40


def test_it_says_how_long_a_city_time_is_away() -> None:
    real = Real()
    clock = CityClock(history_seconds=60, real=real)
    clock.begin()
    assert clock.real_seconds_until(clock.start + 1440) == pytest.approx(1)
    assert clock.real_seconds_until(clock.start - 5) == 0


@pytest.mark.parametrize("wrong", [{"history_hours": -1}, {"history_seconds": 0}, {"speed": 0}])
def test_a_clock_that_leads_nowhere_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        CityClock(**wrong)
