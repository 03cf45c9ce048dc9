"""The ledger's sink side as records: counted now and then by the driver, over the hours that may have changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from jobs.engine.context import Context
from jobs.engine.ledger import LEDGER, Span, rows
from jobs.engine.ledger_counts import counted, of_the_last_day, oldest_since
from runtime import metrics
from runtime.records import RecordProducer
from schemas import contract

OVERLAP = timedelta(minutes=10)  # a result follows its observation, a repair its late row
DAY = timedelta(days=1)

Key = tuple[object, ...]
KEY = contract(LEDGER).key


class Books:
    """What was counted so far; only what has changed is sent again."""

    def __init__(self, context: Context, since: datetime | None = None) -> None:
        """Begin with what was taken in since a time; without one, in the last day."""
        self._context = context
        self._sent: dict[Key, int] = {}
        self._since = since or datetime.now(UTC) - DAY

    def balance(self) -> int:
        """Count the hours in which something has changed, send what is new; the number of records sent."""
        now = datetime.now(UTC)
        oldest = oldest_since(self._context.es, self._since)
        self._since = now - OVERLAP
        of_late = counted(self._context.es, of_the_last_day(self._context.es, now))
        metrics.LEDGER_PROBLEMS.set(len(of_late.problems(now)))
        if oldest is None:
            return 0
        found = counted(self._context.es, Span(oldest, now + timedelta(hours=1)))
        every = {tuple(row[name] for name in KEY): row for row in rows(found, now)}
        new = {key: row for key, row in every.items() if self._sent.get(key) != row["records_count"]}
        RecordProducer(self._context.endpoints, contract(LEDGER)).send(new.values())
        self._sent |= {k: r["records_count"] for k, r in new.items()}
        return len(new)
