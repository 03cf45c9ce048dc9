"""Dead letters of connectors."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from connectors.feed import Feed
from connectors.model import Payload, Rejected
from runtime.dead_letters import dead_letter

HOUR_HEADER = "hour"  # since 1970, in which a letter's record is counted

Stage = Literal["connector", "decode"]


def letter(feed: Feed, payload: Payload, rejected: Rejected, stage: Stage, now: datetime) -> dict[str, Any]:
    """The dead letter of what a feed refused at a time (aware)."""
    return dead_letter(
        tenant=feed.tenant,
        feed=feed.id,
        event=feed.event,
        stage=stage,
        reason=rejected.reason.value,
        detail=rejected.detail,
        place=_place(payload, rejected),
        payload_place=payload.place,
        content_type=payload.content_type,
        payload=payload.body if rejected.payload is None else bytes(rejected.payload),
        occurred_at=now,
    )


def _place(payload: Payload, rejected: Rejected) -> str:
    if not rejected.place or rejected.place == payload.place:
        return payload.place
    return f"{payload.place} {rejected.place}"
