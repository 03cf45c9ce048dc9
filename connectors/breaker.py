"""When most of what a feed brings is bad the feed stops: then the pipeline is wrong, and not the data."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class BreakerOptions(BaseModel):
    """From which share of bad records on a feed stops; one that brings nothing else stops after `records`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    share: float = Field(default=0.6, gt=0, lt=1)
    records: int = Field(default=50, gt=0)


class PausedError(RuntimeError):
    """Too much of what the feed brings is bad; it is tried again later."""

    kind = "paused"


class Breaker:
    """Judges payload after payload, however many records each has.

    A sum that bad records raise and good ones lower, and that never falls below zero (Page's CUSUM, Biometrika 1954):
    it grows only while more than `share` is bad. So data of which half is bad go on for ever, however they are mixed,
    and long good times do not delay the stop. The order within a payload does not count: the lines of one broken
    station may stand together.
    """

    def __init__(self, options: BreakerOptions | None) -> None:
        self.is_open = False
        self._share = options.share if options else 1.0
        self._limit = (1 - self._share) * options.records if options else 0.0
        self._is_off = options is None
        self._excess = 0.0

    def judge(self, bad: int, total: int) -> None:
        """Take account of a payload.

        Raises:
            PausedError: that was too much; the breaker is open.
        """
        if self._is_off:
            return
        self._count(bad, total)
        if self._excess >= self._limit - 1e-9:
            self._excess = 0.0
            self.is_open = True
            raise PausedError(f"more than {self._share:.0%} of the last records were bad, as {bad} of {total} at last")

    def closes(self, bad: int, total: int) -> bool:
        """Whether, with one more payload seen ahead, the newest data are good again."""
        self._count(bad, total)
        self._excess = min(self._excess, self._limit)
        self.is_open = self._excess > 0
        return not self.is_open

    def begin(self) -> None:
        """A new attempt: what was seen before does not count."""
        self._excess = 0.0

    def _count(self, bad: int, total: int) -> None:
        self._excess = max(0.0, self._excess + bad - self._share * total)
