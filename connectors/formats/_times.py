"""Times as feeds write them, as instants in UTC."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connectors.formats._errors import ReadError, shown
from connectors.formats._numbers import number
from connectors.model import Reason

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
KNOWN = "iso, epoch_s, epoch_ms, or a pattern of strptime such as %d/%m/%Y %H:%M"

Instant = Callable[[Any], datetime]


def zone(name: str) -> ZoneInfo:
    """The time zone of that name.

    Raises:
        ValueError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (OSError, LookupError, ValueError) as e:
        raise ValueError(f"no time zone {name!r}; names are like Europe/Paris") from e


def instant(fmt: str = "iso", timezone: str | None = None) -> Instant:
    """A reader of times in a format; local ones are of that zone, and the first of the two when a clock goes back.

    Raises:
        ValueError: the format or the zone is unknown.
    """
    local = zone(timezone) if timezone else None
    if fmt == "iso":
        return lambda raw: _aware(datetime.fromisoformat(_text(raw)), local, raw)
    if fmt == "epoch_s":
        return lambda raw: EPOCH + timedelta(seconds=_seconds(raw))
    if fmt == "epoch_ms":
        return lambda raw: EPOCH + timedelta(milliseconds=_seconds(raw))
    if "%" in fmt:
        return lambda raw: _aware(datetime.strptime(_text(raw), fmt), local, raw)  # noqa: DTZ007 - the zone comes next
    raise ValueError(f"no time format {fmt!r}; there are {KNOWN}")


def _aware(time: datetime, local: ZoneInfo | None, raw: Any) -> datetime:
    if time.tzinfo is UTC:
        return time
    if time.tzinfo is None:
        if local is None:
            raise ReadError(Reason.WRONG_TYPE, f"{shown(raw)} has no time zone and the feed declares none")
        time = time.replace(tzinfo=local)
    return time.astimezone(UTC)


def _text(raw: Any) -> str:
    if type(raw) is not str:
        raise ReadError(Reason.WRONG_TYPE, f"{shown(raw)} is not a time")
    return raw.strip()


def _seconds(raw: Any) -> float:
    value = number(raw)
    if value is None:
        raise ReadError(Reason.WRONG_TYPE, "empty text is not a time")
    return value
