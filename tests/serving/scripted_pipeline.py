"""A pipeline of two communes that says always the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from serving.pipeline import Account, FeedState, Imbalance, QueryState, Replayed

AT = datetime(2026, 7, 14, 12, tzinfo=UTC)


class ScriptedPipeline:
    """Remembers what was replayed, and how often it was asked for its feeds."""

    def __init__(self) -> None:
        self.asked = 0
        self.replayed: list[tuple[str, str]] = []

    def feeds(self) -> Sequence[FeedState]:
        self.asked += 1
        state = FeedState("balma", "balma-weather", "ok", True, "", AT, 5.0, 900.0, 3, 0.0, ())
        return [state, replace(state, tenant="toulouse", feed="toulouse-weather")]

    def queries(self) -> Sequence[QueryState]:
        return [QueryState("parking", "running", "", 12.0, AT, 3, 0.4, 0.5, 1000, 900, 0, 1)]

    def ledger(self) -> Sequence[Account]:
        counts = {"received": 3, "accepted": 2, "rejected": 1}
        amiss = (Imbalance(AT, "1 accepted and not in the index"),)
        return [Account("balma", "balma-weather", "feed", "weather_observed", counts, amiss)]

    def replay(self, tenant: str, dead_letter_id: str) -> Replayed:
        if tenant != "balma":
            raise LookupError(dead_letter_id)
        self.replayed.append((tenant, dead_letter_id))
        return Replayed("replayed", "", True)
