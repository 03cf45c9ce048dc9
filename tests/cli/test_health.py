"""Verdicts on feeds: by the age of what they say, never by whether somebody answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connectors.feed import FeedHead
from garonne.health.command import health_table, span
from garonne.health.judgement import Counted, Device, Heard, State, Verdict, judged
from garonne.health.observed import asked
from schemas import contract

NOW = datetime(2026, 7, 14, 12, tzinfo=UTC)
PERIOD = timedelta(minutes=15)


def head(**said: object) -> FeedHead:
    described = {"id": "stations", "tenant": "labege", "event": "weather_observed", "title": "Stations"}
    return FeedHead.model_validate({**described, "period_seconds": PERIOD.total_seconds(), **said})


def heard(age: timedelta, taken_in: timedelta | None = None, devices: int = 50) -> Heard:
    return Heard(NOW - age, NOW - (taken_in if taken_in is not None else age), devices)


def verdict(
    known: Heard | None,
    counted: Counted | None = None,
    silent: tuple[Device, ...] = (),
    is_paused: bool = False,
    **said: object,
) -> Verdict:
    return judged(head(**said), known, counted, silent, is_paused, NOW)


@pytest.mark.parametrize(
    ("periods", "state"), [(0.1, State.OK), (1.9, State.OK), (2.0, State.OK), (2.01, State.STALE), (400, State.STALE)]
)
def test_a_feed_is_stale_after_two_periods(periods: float, state: State) -> None:
    assert verdict(heard(periods * PERIOD)).state is state


def test_a_feed_that_publishes_late_as_a_rule_says_so() -> None:
    assert verdict(heard(3 * PERIOD, taken_in=PERIOD * 1.5)).state is State.STALE
    assert verdict(heard(3 * PERIOD, taken_in=PERIOD * 1.5), delay_seconds=1800).state is State.OK


def test_records_that_come_in_and_are_old_are_late_and_not_stale() -> None:
    found = verdict(heard(timedelta(hours=20), taken_in=timedelta(seconds=1)))
    assert (found.state, found.state.is_good) == (State.LATE, False)


def test_a_feed_frozen_after_an_ordinary_poll_is_stale_and_not_late_when_two_periods_are_over() -> None:
    just_over = 2 * PERIOD + timedelta(seconds=1)
    assert verdict(heard(just_over, taken_in=just_over - PERIOD)).state is State.STALE


def test_a_feed_that_never_said_anything_is_silent() -> None:
    assert verdict(None).state is State.SILENT
    assert verdict(None, period_seconds=None).state is State.SILENT


def test_without_a_period_only_silence_and_rejections_are_judged() -> None:
    found = verdict(heard(timedelta(days=3)), period_seconds=None)
    assert (found.state, found.state.is_good, found.age_seconds) == (State.UNDECLARED, True, 3 * 86_400)
    assert verdict(heard(timedelta(0)), Counted(10, 9), period_seconds=None).state is State.BROKEN


def test_a_feed_is_broken_when_most_of_it_is_rejected() -> None:
    assert verdict(heard(timedelta(0)), Counted(received=100, rejected=50)).state is State.OK
    found = verdict(heard(timedelta(0)), Counted(received=100, rejected=51))
    assert (found.state, found.rejected_share) == (State.BROKEN, 0.51)
    assert "51%" in found.reason


def test_nothing_received_is_no_share() -> None:
    assert verdict(heard(timedelta(0)), Counted(0, 0)).rejected_share is None


def test_a_paused_feed_is_broken_whatever_it_said() -> None:
    found = verdict(heard(timedelta(0)), is_paused=True)
    assert (found.state, found.reason.startswith("paused")) == (State.BROKEN, True)


def test_one_silent_station_of_fifty_is_named_while_the_feed_goes_on() -> None:
    lost = Device("meteo-31", NOW - timedelta(hours=2))
    found = verdict(heard(timedelta(minutes=3)), silent=(lost,))
    assert (found.state, found.state.is_good, found.silent_devices) == (State.PARTIAL, False, (lost,))
    assert found.reason == "1 of 50 devices say nothing"


def test_the_devices_of_a_stale_feed_are_not_named_one_by_one() -> None:
    lost = tuple(Device(f"meteo-{n}", NOW - timedelta(hours=2)) for n in range(50))
    found = verdict(heard(timedelta(hours=2)), silent=lost)
    assert (found.state, found.silent_devices) == (State.STALE, ())


def test_a_bus_feed_is_not_stale_at_night() -> None:
    quiet = {"hours": "23:00-05:30", "timezone": "Europe/Paris"}
    night = datetime(2026, 7, 14, 1, tzinfo=UTC)
    evening = Heard(night - timedelta(hours=4, minutes=1), night - timedelta(hours=4), 200)
    assert judged(head(period_seconds=60, quiet=quiet), evening, None, (), False, night).state is State.OK
    assert judged(head(period_seconds=60), evening, None, (), False, night).state is State.STALE


def test_a_device_that_was_not_heard_for_as_long_as_observations_are_kept_is_gone() -> None:
    question = asked(head(device_period_seconds=3600), NOW)
    assert question is not None
    assert question.silent_since == NOW - timedelta(hours=2)
    kept = contract("weather_observed").declaration.retention_days
    assert question.known_since == NOW - timedelta(days=kept)
    assert asked(head(period_seconds=None), NOW) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (-4, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (7200, "2 h"), (200_000, "2 d")],
)
def test_spans_are_told_in_a_unit_that_says_something(seconds: float | None, words: str) -> None:
    assert span(seconds) == words


def test_a_table_holds_every_feed() -> None:
    assert health_table([verdict(None), verdict(heard(PERIOD))]).row_count == 2
