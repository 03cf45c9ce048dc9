"""Dead letters of connectors."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from connectors.feed import Feed
from connectors.model import Payload, Rejected
from runtime.dead_letters import MAX_TEXT, dead_letter

MAX_CONTENT_TYPE = 128

Stage = Literal["connector", "decode"]


def letter(feed: Feed, payload: Payload, rejected: Rejected, stage: Stage, now: datetime) -> dict[str, Any]:
    """The dead letter of what a feed refused at a time (aware).

    Its id is made with the place of the payload, not of the record in it: a record that is refused at each poll stands
    at another place each time, and is the same letter.
    """
    made = dead_letter(
        tenant=feed.tenant,
        feed=feed.id,
        event=feed.event,
        stage=stage,
        reason=rejected.reason.value,
        detail=_text(rejected.detail, MAX_TEXT),
        place=_text(payload.place, MAX_TEXT),
        content_type=_text(payload.content_type, MAX_CONTENT_TYPE) if payload.content_type else None,
        payload=payload.body if rejected.payload is None else bytes(rejected.payload),
        occurred_at=now,
    )
    return {**made, "place": _text(_place(payload, rejected), MAX_TEXT)}


def _place(payload: Payload, rejected: Rejected) -> str:
    if not rejected.place or rejected.place == payload.place:
        return payload.place
    return f"{payload.place} {rejected.place}"


def _text(text: str, longest: int) -> str:
    """Text that Avro can hold, cut."""
    return text[:longest].encode("utf-8", "replace").decode()
