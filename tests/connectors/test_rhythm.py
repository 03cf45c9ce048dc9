"""Since when a feed ought to have spoken: two periods, its delay, and no word at night where nights are quiet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from connectors.feed import FeedError, load_head, load_heads
from connectors.rhythm import Quiet, Rhythm
from runtime.settings import PROJECT

PARIS = Quiet(hours="23:00-05:30", timezone="Europe/Paris")
NOON = datetime(2026, 7, 14, 10, tzinfo=UTC)  # in Paris


def ago(now: datetime, **rhythm: object) -> timedelta:
    since = Rhythm.model_validate(rhythm).heard_since(now)
    assert since is not None
    return now - since


def test_two_periods_may_pass_and_the_delay_of_the_publication() -> None:
    assert ago(NOON, period_seconds=900) == timedelta(minutes=30)
    assert ago(NOON, period_seconds=900, delay_seconds=1800) == timedelta(minutes=60)


def test_devices_may_have_a_period_of_their_own() -> None:
    rhythm = Rhythm(period_seconds=60, device_period_seconds=1200)
    assert rhythm.devices_heard_since(NOON) == NOON - timedelta(minutes=40)
    assert Rhythm(period_seconds=60).devices_heard_since(NOON) == NOON - timedelta(minutes=2)


def test_without_a_period_nothing_is_due() -> None:
    assert Rhythm().heard_since(NOON) is None
    assert Rhythm().devices_heard_since(NOON) is None


@pytest.mark.parametrize(
    ("local", "expected_minutes"),
    [
        ("12:00", 20),  # the night is long over
        ("05:30", 20 + 390),  # it has just ended: the last twenty minutes of the evening count
        ("05:40", 20 + 390),  # ten minutes of the morning and ten of the evening
        ("05:50", 20),
        ("02:00", 20 + 180),
        ("23:00", 20),
        ("23:01", 20 + 1),
    ],
)
def test_quiet_hours_do_not_count(local: str, expected_minutes: int) -> None:
    hour, minute = map(int, local.split(":"))
    now = datetime(2026, 7, 14, hour, minute, tzinfo=UTC) - timedelta(hours=2)  # summer time
    assert ago(now, period_seconds=600, quiet=PARIS) == timedelta(minutes=expected_minutes)


def test_a_night_is_an_hour_longer_when_the_clocks_go_back() -> None:
    morning = datetime(2026, 10, 25, 4, 30, tzinfo=UTC)  # 05:30 of winter time
    assert ago(morning, period_seconds=600, quiet=PARIS) == timedelta(minutes=20 + 450)


def test_a_long_period_goes_over_several_nights() -> None:
    # 17.5 h of a day are awake: 2 × 24 h are two days of 17.5 h and 13 h more
    assert ago(NOON, period_seconds=86_400, quiet=PARIS) == timedelta(hours=48 + 3 * 6.5)


def test_hours_that_are_quiet_all_day_end_nevertheless() -> None:
    always = Quiet(hours="00:00-00:00", timezone="UTC")
    assert ago(NOON, period_seconds=60, quiet=always) > timedelta(days=300)


@pytest.mark.parametrize(
    "quiet",
    [
        {"hours": 1380, "timezone": "UTC"},  # what YAML makes of 23:00
        {"hours": "23:00", "timezone": "UTC"},
        {"hours": "25:00-05:00", "timezone": "UTC"},
        {"hours": "23:00-05:00", "timezone": "Europe/Toulouse"},
        {"hours": "23:00-05:00", "timezone": "../../etc/passwd"},
        {"hours": "23:00-05:00"},
    ],
)
def test_quiet_hours_that_are_none_are_refused(quiet: object) -> None:
    with pytest.raises(ValidationError):
        Quiet.model_validate(quiet)


def test_every_feed_that_ships_declares_its_period() -> None:
    heads = load_heads(PROJECT / "deploy" / "feeds")
    assert len(heads) >= 10
    assert [h.id for h in heads if h.period_seconds is None] == []


def test_a_head_needs_no_variable_and_no_address(tmp_path: Path) -> None:
    path = tmp_path / "quai.yaml"
    path.write_text("{tenant: portet, event: weather_observed, title: '${NOT_SET}', transport: {kind: none}}")
    head = load_head(path)
    assert (head.id, head.tenant, head.period_seconds) == ("quai", "portet", None)


def test_a_head_of_an_event_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "quai.yaml"
    path.write_text("{tenant: portet, event: noise, title: Quai}")
    with pytest.raises(FeedError, match="noise"):
        load_head(path)
