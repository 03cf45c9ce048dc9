"""How much of the past a demo plays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from garonne.demo.parts import whole_past_hours
from simulator.clock import CityClock

DAY = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize("minute", range(0, 24 * 60, 97))
def test_a_demo_begins_an_hour_before_a_dusk_and_a_day_ago_at_least(minute: int) -> None:
    now = DAY + timedelta(minutes=minute)
    hours = whole_past_hours(now)
    assert 24 <= hours < 48
    started_later = now + timedelta(seconds=40)  # the city starts once its servers and drivers have
    clock = CityClock(history_hours=hours, real=started_later.timestamp)
    assert datetime.fromtimestamp(clock.start, UTC).hour == 17
