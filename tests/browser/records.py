"""What the platform would say of a small city: its ledger, and a few dead letters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from schemas import Kind, contract

REASON = "out_of_range"
Document = dict[str, Any]


def ledger(tenant: str, every: list[tuple[str, Document]]) -> Iterator[tuple[str, Document]]:
    """What the connectors say of these events: all were accepted, and of one feed two more an hour refused."""
    hours = Counter(
        (d["feed"], name, d["observed_at"].replace(minute=0)) for name, d in every if contract(name).kind is Kind.EVENT
    )
    for (feed, name, hour), accepted in hours.items():
        refused = 2 if feed == "test-parking" else 0
        outcomes = {("received", ""): accepted + refused, ("accepted", ""): accepted, ("rejected", REASON): refused}
        for (outcome, reason), count in outcomes.items():
            about = {"tenant": tenant, "counter": feed, "counted_by": "source", "event": name, "hour": hour}
            counted = {"outcome": outcome, "reason": reason, "records_count": count}
            if count:
                yield "ledger", {**about, **counted, "counted_at": hour + timedelta(hours=1)}


def letters(tenant: str, now: datetime) -> Iterator[tuple[str, Document]]:
    for n in range(4):
        about = {"tenant": tenant, "dead_letter_id": f"{n:064x}", "occurred_at": now - timedelta(minutes=20 * (n + 1))}
        where = {"feed": "test-parking", "event": "parking_observed", "stage": "connector", "place": f"status.xml#{n}"}
        why = {"reason": REASON, "detail": "occupied_spaces: -3 is below 0", "content_type": "text/xml"}
        yield "dead_letter", {**about, **where, **why, "payload": "PGE+PC9hPg==", "payload_size_bytes": 8}
