"""What a Spark worker holds while it writes: a client, and dead letters for what is refused."""

from __future__ import annotations

import zipimport
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import structlog
from elasticsearch import Elasticsearch

from runtime.dead_letters import CONTRACT as DEAD_LETTER
from runtime.dead_letters import dead_letter
from runtime.elastic import bulk
from runtime.elastic.client import client
from runtime.elastic.waiting import Waits
from runtime.endpoints import Endpoints
from runtime.records import RecordProducer
from runtime.settings import settings
from schemas import contract

log = structlog.get_logger()


def keep_archives_open() -> None:
    """Let this worker read the directory of Spark's archives once, not before every task.

    Spark asks Python to look anew at all it could import before each task, and Python then reads the directories of
    Spark's jar and of pyspark.zip again, some thousand entries for each package: it was half of a worker's time.
    Archives do not change while a worker lives.
    """
    zipimport.zipimporter.invalidate_caches = _unchanged  # type: ignore[assignment, method-assign]


def _unchanged(_: zipimport.zipimporter) -> None:
    """Nothing to look at again."""


@lru_cache(maxsize=1)
def _kept_client(endpoints: Endpoints) -> Elasticsearch:
    """One client for the life of the worker: connections stay open from batch to batch."""
    return client(endpoints)


class Writer:
    """Writes documents; what Elasticsearch refuses becomes a dead letter before `write` returns."""

    def __init__(self, endpoints: Endpoints, query: str, breaker_minimum: int = bulk.BREAKER_MINIMUM) -> None:
        keep_archives_open()
        self._es = _kept_client(endpoints)
        self._letters = RecordProducer(endpoints, contract(DEAD_LETTER))
        self._query = query
        self._breaker_minimum = breaker_minimum
        self._waits = Waits(settings().state, query)

    def write(self, actions: Iterable[bulk.Action], visible: bool = False) -> bulk.Outcome:
        """Write documents, and wait until each is in Elasticsearch or in the dead letters.

        With ``visible`` a search finds them at once.

        Raises:
            runtime.elastic.bulk.BrokenSinkError: most were refused; none of them is a dead letter then.
            runtime.elastic.bulk.BlockedSinkError: an index takes no writes.
        """
        outcome = bulk.write(
            self._es, actions, visible=visible, waiting=self._waits, breaker_minimum=self._breaker_minimum
        )
        self.bury([self._letter(r) for r in outcome.refused if not self._is_letter(r)])
        return outcome

    def bury(self, letters: list[dict[str, Any]]) -> None:
        """Send dead letters, and wait until Kafka has them."""
        if letters:
            self._letters.send(letters)

    def _is_letter(self, refused: bulk.Refused) -> bool:
        """Whether it is a dead letter: one about it would be refused as well, and so on. Kafka keeps it."""
        is_letter = refused.action.index.startswith(f"{contract(DEAD_LETTER).alias}-")
        if is_letter:
            log.error("dead_letter.refused", id=refused.action.id, reason=refused.reason)
        return is_letter

    def _letter(self, refused: bulk.Refused) -> dict[str, Any]:
        action = refused.action
        return dead_letter(
            tenant=action.id.split("|", 1)[0],
            feed=self._query,
            stage="index",
            reason="refused_by_index",
            detail=refused.reason,
            place=f"{action.index}/{action.id}",
            payload=action.source,
            occurred_at=datetime.now(UTC),
            content_type="application/json",
        )
