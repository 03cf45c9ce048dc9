"""Dead letters: what could not be taken in, with its bytes, the reason and the place."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Any

from schemas.documents import TENANT

CONTRACT = "dead_letter"
PLATFORM = "platform"
MAX_PAYLOAD_BYTES = 1_000_000
MAX_TEXT = 2048
MAX_CONTENT_TYPE = 128


def dead_letter(
    *,
    tenant: str,
    feed: str,
    stage: str,
    reason: str,
    detail: str,
    place: str,
    payload: bytes,
    occurred_at: datetime,
    event: str | None = None,
    content_type: str | None = None,
    payload_place: str | None = None,
) -> dict[str, Any]:
    """A value of the contract ``dead_letter``; the same failure again has the same id.

    Its id is made with the place of the payload where there is one, not of the record in it: a record that is refused
    at each poll stands at another place each time, and is the same letter. What says it is of a tenant that cannot be
    one is the platform's.
    """
    origin = _text(place if payload_place is None else payload_place, MAX_TEXT)
    digest = hashlib.sha256(b"\x00".join((feed.encode(), reason.encode(), origin.encode(), payload))).hexdigest()
    return {
        "tenant": tenant if re.fullmatch(TENANT, tenant) else PLATFORM,
        "dead_letter_id": digest[:40],
        "occurred_at": occurred_at,
        "feed": feed,
        "event": event,
        "stage": stage,
        "reason": reason,
        "detail": _text(detail, MAX_TEXT),
        "place": _text(place, MAX_TEXT),
        "content_type": _text(content_type, MAX_CONTENT_TYPE) if content_type else None,
        "payload": payload[:MAX_PAYLOAD_BYTES],
        "payload_size_bytes": len(payload),
        "payload_place": None if payload_place is None else origin,
    }


def _text(text: str, longest: int) -> str:
    """Text that Avro can hold, cut."""
    return text[:longest].encode("utf-8", "replace").decode()
