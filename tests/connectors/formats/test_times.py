from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.formats._errors import ReadError
from connectors.formats._times import instant

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fmt", "zone", "raw"),
    [
        ("iso", None, "2026-07-01T12:00:00Z"),
        ("iso", None, " 2026-07-01T14:00:00.000000000+02:00 "),
        ("iso", "Europe/Paris", "2026-07-01 14:00:00"),
        ("iso", "Europe/Paris", "2026-07-01T12:00:00+00:00"),
        ("epoch_s", None, 1782907200),
        ("epoch_s", None, "1782907200"),
        ("epoch_ms", None, 1782907200000.0),
        ("%d/%m/%Y %H:%M", "Europe/Paris", "01/07/2026 14:00"),
        ("%Y-%m-%d-%H.%M.%S.%f", "UTC", "2026-07-01-12.00.00.000000"),
    ],
)
def test_times_become_instants_in_utc(fmt: str, zone: str | None, raw: Any) -> None:
    found = instant(fmt, zone)(raw)

    assert found == NOON
    assert found.tzinfo is UTC


def test_nanoseconds_are_cut_to_microseconds() -> None:
    assert instant()("2026-07-01T12:00:00.123456789+00:00") == NOON.replace(microsecond=123456)


def test_an_hour_that_is_there_twice_is_the_first_of_both() -> None:
    assert instant("iso", "Europe/Paris")("2026-10-25T02:30:00") == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_a_local_time_without_a_declared_zone_is_refused() -> None:
    with pytest.raises(ReadError, match="has no time zone and the feed declares none"):
        instant()("2026-07-01T12:00:00")


@pytest.mark.parametrize(
    ("fmt", "zone", "says"), [("rfc", None, "there are iso, epoch_s"), ("iso", "Paris", "Europe/Paris")]
)
def test_unknown_formats_and_zones_are_refused_with_a_hint(fmt: str, zone: str | None, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        instant(fmt, zone)
