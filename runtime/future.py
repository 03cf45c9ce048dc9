"""Events dated later than they were sent: one of them would close every window, so they are refused before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas import Contract, Kind

TOLERANCE = timedelta(hours=1)


class FutureTimeError(ValueError):
    """The event says it happens later than it was sent."""


def refuse_future(contract: Contract, event: Mapping[str, Any], sent_at: datetime) -> None:
    """Let an event pass that is not dated over an hour later than it was sent (aware).

    Raises:
        FutureTimeError: it is.
    """
    if contract.kind is Kind.EVENT and event[contract.time] > sent_at.astimezone(UTC) + TOLERANCE:
        raise FutureTimeError(f"{contract.time} {event[contract.time].isoformat()}, sent {sent_at.isoformat()}")
