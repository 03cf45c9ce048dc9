from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from simulator.clock import CityClock
from simulator.serving.pace import FOLLOWED_SKEW_SECONDS, MAX_SKEW_SECONDS, Pace


@dataclass
class Source:
    reached: float = 0.0
    last_seen: float | None = None


class Real:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def real() -> Real:
    return Real()


def pace(real: Real, *sources: Source) -> Pace:
    return Pace(CityClock(), sources, patience_seconds=60, grace_seconds=2, real=real)


def test_it_begins_a_little_after_everybody_has_come(real: Real) -> None:
    first, second = Source(last_seen=1000), Source()
    p = pace(real, first, second)
    assert not p.is_time_to_begin()
    real.now, second.last_seen = 1010, 1010
    assert not p.is_time_to_begin()
    real.now = 1012
    assert p.is_time_to_begin()


def test_it_does_not_wait_for_ever_for_those_who_do_not_come(real: Real) -> None:
    p = pace(real, Source())
    assert not p.is_time_to_begin()
    real.now += 60
    assert p.is_time_to_begin()


def test_the_clock_waits_for_the_slowest(real: Real) -> None:
    slow, fast = Source(500, 1000), Source(9000, 1000)
    p = pace(real, slow, fast)
    p.hold()
    assert p.clock.limit == 500 + MAX_SKEW_SECONDS


def test_nobody_waits_for_those_who_went_away_or_never_came(real: Real) -> None:
    gone, never, here = Source(500, 1000), Source(0), Source(9000, 1030)
    p = pace(real, gone, never, here)
    real.now = 1030
    p.hold()
    assert p.clock.limit == 9000 + MAX_SKEW_SECONDS
    here.last_seen = 1000
    p.hold()
    assert p.clock.limit == math.inf


def test_the_clock_waits_for_consumers_that_say_how_far_they_are(real: Real) -> None:
    p = pace(real, Source(math.inf, 1000))
    start = p.clock.start
    p.saw({"spots": start + 2000, "buses": start + 7000, "not yet": 0.0})
    p.hold()
    assert p.clock.limit == start + 2000 + FOLLOWED_SKEW_SECONDS
    real.now += 10
    p.saw({"spots": start + 2500, "buses": start + 7000})
    p.hold()
    assert p.clock.limit == start + 2500 + FOLLOWED_SKEW_SECONDS


def test_a_consumer_that_stands_still_is_left_behind(real: Real) -> None:
    p = pace(real, Source(math.inf, 1020))
    start = p.clock.start
    p.saw({"spots": start + 2000, "buses": start + 8000})
    real.now += 20
    p.saw({"spots": start + 2000, "buses": start + 8100})
    p.hold()
    assert p.clock.limit == start + 8100 + FOLLOWED_SKEW_SECONDS


def test_live_nothing_holds_it(real: Real) -> None:
    p = pace(real, Source(500, 1000))
    p.hold()
    p.release()
    assert p.clock.limit == math.inf
