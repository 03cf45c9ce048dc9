"""How the pipeline is, as those tell it who know feeds and jobs: `serving` knows documents alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from serving.kept import Kept

KEPT_SECONDS = 5.0
LEDGER_KEPT_SECONDS = 30.0  # it adds up every document of a day


@dataclass(frozen=True)
class SilentDevice:
    """A device that says nothing, and when it last did."""

    entity_id: str
    said_at: datetime


@dataclass(frozen=True)
class FeedState:
    """How a feed is."""

    tenant: str
    feed: str
    state: str
    is_good: bool
    reason: str
    said_at: datetime | None
    age_seconds: float | None
    period_seconds: float | None
    devices_count: int
    rejected_share: float | None
    silent_devices: tuple[SilentDevice, ...]


@dataclass(frozen=True)
class PartitionLag:
    """Records of a partition that a query had left for later at its last batch."""

    topic: str
    partition: int
    lag_records: int


@dataclass(frozen=True)
class QueryState:
    """How a streaming query is; counts are of all tenants together, since its process began."""

    query: str
    state: str  # running, waiting, paused or refused
    reason: str
    lag_records: float | None
    watermark: datetime | None
    batches_count: int
    mean_batch_seconds: float | None
    p95_batch_seconds: float | None  # the bound of the histogram that it lies under
    rows_count: int | None
    written_count: int | None
    refused_count: int | None
    late_count: int | None
    lag_by_partition: tuple[PartitionLag, ...] = ()


@dataclass(frozen=True)
class Imbalance:
    """An hour of event time that does not add up, and what is amiss."""

    hour: datetime
    what: str


@dataclass(frozen=True)
class Account:
    """What became of the records of a feed, or of the observations of a job, in the last day."""

    tenant: str
    counter: str  # the feed or the job
    counted_by: str  # feed or job
    event: str
    counts: dict[str, int]  # by outcome
    problems: tuple[Imbalance, ...]  # in hours in which nothing is on its way any more


@dataclass(frozen=True)
class Replayed:
    """What became of a dead letter that was to be replayed."""

    became: str
    detail: str
    is_done: bool


class Pipeline(Protocol):
    """What knows the pipeline."""

    def feeds(self) -> Sequence[FeedState]:
        """Every feed that ever said something.

        Raises:
            RuntimeError: Elasticsearch does not answer.
        """

    def queries(self) -> Sequence[QueryState]:
        """The queries of the drivers that run on this machine's state folder."""

    def ledger(self) -> Sequence[Account]:
        """The last day's accounts of every feed and job.

        Raises:
            RuntimeError: Elasticsearch does not answer.
        """

    def replay(self, tenant: str, dead_letter_id: str) -> Replayed:
        """Decode a letter again and send its events, once however often it is called.

        Raises:
            LookupError: there is no such letter.
            OSError: Kafka or the registry does not answer.
        """


class KeptPipeline:
    """What was said of the pipeline lately."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._feeds: Kept[Sequence[FeedState]] = Kept(KEPT_SECONDS)
        self._queries: Kept[Sequence[QueryState]] = Kept(KEPT_SECONDS)
        self._ledger: Kept[Sequence[Account]] = Kept(LEDGER_KEPT_SECONDS)

    def feeds(self) -> Sequence[FeedState]:
        """Every feed that ever said something."""
        return self._feeds.get("feeds", self._pipeline.feeds)

    def queries(self) -> Sequence[QueryState]:
        """The queries that run."""
        return self._queries.get("queries", self._pipeline.queries)

    def ledger(self) -> Sequence[Account]:
        """The last day's accounts of every feed and job."""
        return self._ledger.get("ledger", self._pipeline.ledger)

    def replay(self, tenant: str, dead_letter_id: str) -> Replayed:
        """Replay a letter, which is never answered from memory."""
        return self._pipeline.replay(tenant, dead_letter_id)
