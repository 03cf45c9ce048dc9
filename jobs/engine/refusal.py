"""Why a query is not started: one sentence for a person, one word for a metric, one command that mends it."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """What is wrong with a checkpoint."""

    LOST = "lost"  # the query has run before, and its checkpoint is not there
    DAMAGED = "damaged"  # files of it are missing or cannot be read
    PLACE = "place"  # Kafka does not have what would be read next
    CHANGED = "changed"  # the job is not the one that began it
    UNFINISHED = "unfinished"  # a rebuild was stopped before its end


class RefusedError(RuntimeError):
    """A query must not go on from its checkpoint; waiting would not help."""

    def __init__(self, query: str, reason: Reason, why: str) -> None:
        self.query = query
        self.reason = reason
        self.why = why
        super().__init__(f"{query}: {why}. To begin anew: {self.command}")

    @property
    def command(self) -> str:
        """What a person has to call."""
        return f"garonne rebuild {self.query}"
