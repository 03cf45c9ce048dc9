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
) -> dict[str, Any]:
    """A value of the contract ``dead_letter``; the same failure again has the same id.

    What says it is of a tenant that cannot be one is the platform's.
    """
    digest = hashlib.sha256(b"\x00".join((feed.encode(), reason.encode(), place.encode(), payload))).hexdigest()
    return {
        "tenant": tenant if re.fullmatch(TENANT, tenant) else PLATFORM,
        "dead_letter_id": digest[:40],
        "occurred_at": occurred_at,
        "feed": feed,
        "event": event,
        "stage": stage,
        "reason": reason,
        "detail": detail[:MAX_TEXT],
        "place": place[:MAX_TEXT],
        "content_type": content_type,
        "payload": payload[:MAX_PAYLOAD_BYTES],
        "payload_size_bytes": len(payload),
    }
