"""How often a feed and its devices speak, as its YAML declares it, and since when they ought to have spoken."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator

PERIODS = 2  # of silence that pass without a word
MAX_DAYS = 400  # that a limit may lie back
CLOCK = r"([01]\d|2[0-3]):[0-5]\d"


class Quiet(BaseModel):
    """Hours in which silence says nothing: no bus runs at night."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hours: str = Field(pattern=rf"^{CLOCK}-{CLOCK}$")
    timezone: str

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"no timezone {name!r}; one is Europe/Paris") from None
        return name

    def last_before(self, at: datetime) -> tuple[datetime, datetime]:
        """Beginning and end (UTC) of the quiet hours that began last before a time (aware)."""
        begin, end = (time.fromisoformat(text) for text in self.hours.split("-"))
        day = at.astimezone(ZoneInfo(self.timezone)).date()
        while True:
            began = self._on(day, begin)
            if began < at:
                return began, self._on(day if end > begin else day + timedelta(days=1), end)
            day -= timedelta(days=1)

    def _on(self, day: date, clock: time) -> datetime:
        return datetime.combine(day, clock, ZoneInfo(self.timezone)).astimezone(UTC)


class Rhythm(BaseModel):
    """What a feed's YAML may say of its rhythm."""

    period_seconds: float | None = Field(default=None, gt=0)  # something new comes at least this often
    device_period_seconds: float | None = Field(default=None, gt=0)  # from each device; the feed's period by default
    delay_seconds: float = Field(default=0, ge=0)  # from an observation to its publication
    quiet: Quiet | None = None

    def heard_since(self, now: datetime) -> datetime | None:
        """Time (UTC) since when the feed's newest observation ought to be; None without a declared period."""
        return self._limit(self.period_seconds, now)

    def devices_heard_since(self, now: datetime) -> datetime | None:
        """Time (UTC) since when the newest observation of each device ought to be; None without a declared period."""
        return self._limit(self.device_period_seconds or self.period_seconds, now)

    def _limit(self, period_seconds: float | None, now: datetime) -> datetime | None:
        if period_seconds is None:
            return None
        return _before(now, timedelta(seconds=PERIODS * period_seconds + self.delay_seconds), self.quiet)


def _before(now: datetime, span: timedelta, quiet: Quiet | None) -> datetime:
    """The time that lies a span before now (aware), quiet hours not counted."""
    if quiet is None:
        return now - span
    at, earliest = now, now - timedelta(days=MAX_DAYS)
    while at > earliest:
        begin, end = quiet.last_before(at)
        awake = max(timedelta(0), at - end)
        if awake >= span:
            return at - span
        span, at = span - awake, begin
    return earliest
