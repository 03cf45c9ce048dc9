"""Local time in a city: seconds since 1970 come in, hours of the local day and week go out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from datetime import time as wall_time
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from simulator.chance import Floats, Ints

ZONE = ZoneInfo("Europe/Paris")
HOUR = 3600
DAY = 24 * HOUR
_MONDAY = 4 * DAY  # 1970-01-05


def hours_of_day(times: Ints) -> Floats:
    """Local hour of the day, 0 to 24."""
    return (_local(times) % DAY) / HOUR


def hours_of_week(times: Ints) -> Floats:
    """Local hours since Monday 0 h, 0 to 168."""
    return ((_local(times) - _MONDAY) % (7 * DAY)) / HOUR


def local_midnight(day: date) -> int:
    """Seconds since 1970 at which that local day begins."""
    return int(datetime.combine(day, wall_time(), ZONE).timestamp())


def local_date(seconds: float) -> date:
    """Local date at that time."""
    return datetime.fromtimestamp(seconds, ZONE).date()


def local_dates(start: float, end: float) -> list[date]:
    """Every local date that the time from start to end (exclusive) touches."""
    first, last = local_date(start), local_date(max(end - 1, start))
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def utc(seconds: float) -> datetime:
    """That time as an aware datetime."""
    return datetime.fromtimestamp(seconds, UTC)


def iso(seconds: int) -> str:
    """That time as RFC 3339 in UTC, to the second."""
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}Z"


def _local(times: Ints) -> Ints:
    # Offsets change on whole hours of UTC, so one look-up for each hour is enough.
    hours, which = np.unique(times // HOUR, return_inverse=True)
    return times + np.array([_offset(int(h)) for h in hours], dtype=np.int64)[which]


@lru_cache(maxsize=4096)
def _offset(hour: int) -> int:
    offset = datetime.fromtimestamp(hour * HOUR, UTC).astimezone(ZONE).utcoffset()
    return int(offset.total_seconds()) if offset else 0
