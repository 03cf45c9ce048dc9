"""How the pipeline of this machine is, for the API: feeds' health, running queries, the way back of dead letters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from elasticsearch import ApiError, TransportError

from connectors.feed import load_heads
from connectors.redecoding import Redecoder
from connectors.replaying import DONE, Replayer
from garonne.feeds import ALL_FEEDS
from garonne.health.command import TIMEOUT_SECONDS, feeds_health, paused_feeds
from garonne.health.judgement import Verdict
from garonne.metrics_view import Sample, by_label, scraped, total
from garonne.status import PAUSED, REFUSED
from jobs.engine.context import Context
from jobs.engine.failures import Kind
from jobs.engine.ledger import FeedHour, JobHour, Ledger
from jobs.engine.ledger_counts import counted, of_the_last_day
from jobs.engine.refusal import Reason
from runtime.elastic.client import client
from runtime.elastic.letters import Selection, one
from runtime.endpoints import endpoints
from runtime.processes import running
from runtime.settings import Settings
from serving.pipeline import Account, FeedState, Imbalance, PartitionLag, QueryState, Replayed, SilentDevice

P95 = 0.95
LAG = "garonne_query_lag_records"
Who = tuple[str, str, str, str]  # tenant, feed or job, which of them, event
STOPPED = {"garonne_query_refused": "refused", "garonne_query_paused": "paused", "garonne_sink_waiting": "waiting"}


class LocalPipeline:
    """The pipeline whose processes run on a state folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def feeds(self) -> Sequence[FeedState]:
        """Every feed that ever said something.

        Raises:
            RuntimeError: Elasticsearch does not answer.
        """
        es = client(endpoints(self._settings), TIMEOUT_SECONDS)
        now, paused = datetime.now(UTC), paused_feeds()
        return [_feed(v) for v in feeds_health(es, load_heads(ALL_FEEDS), now, only_heard=True, paused=paused)]

    def queries(self) -> Sequence[QueryState]:
        """The queries of the drivers that run."""
        samples = scraped(running(self._settings))
        names = {s.labels["query"] for s in samples if "query" in s.labels}
        return [query_state(name, [s for s in samples if s.labels.get("query") == name]) for name in sorted(names)]

    def ledger(self) -> Sequence[Account]:
        """The last day's accounts of every feed and job.

        Raises:
            RuntimeError: Elasticsearch does not answer.
        """
        es, now = client(endpoints(self._settings), TIMEOUT_SECONDS), datetime.now(UTC)
        try:
            found = counted(es, of_the_last_day(es, now))
        except (ApiError, TransportError) as e:
            raise RuntimeError(f"Elasticsearch does not say what it holds: {e}") from e
        return accounts(found, now)

    def replay(self, tenant: str, dead_letter_id: str) -> Replayed:
        """Decode a letter again by what its feed's file says now, and send its events once.

        Raises:
            LookupError: there is no such letter.
            OSError: Kafka or the registry does not answer.
        """
        context = Context.of(self._settings)
        letter = one(context.es, dead_letter_id, tenant)
        context.prepare()
        redecoder = Redecoder(ALL_FEEDS, self._settings, context.endpoints, context.registry)
        replayer = Replayer(context.endpoints, context.es, context.registry, redecoder)
        [became] = [r for page in replayer.replay(Selection((letter.dead_letter_id,), tenant)) for r in page]
        return Replayed(became.became, became.detail, became.became in DONE)


def accounts(found: Ledger, now: datetime) -> list[Account]:
    """Hours of a ledger added up, with what does not add up in those that are settled at a time (aware)."""
    counts: dict[Who, Counter[str]] = {}
    problems: dict[Who, list[Imbalance]] = {}
    every: list[FeedHour | JobHour] = [*found.feeds, *found.jobs]
    for h in every:
        counts.setdefault(_who(h), Counter()).update(_counts(h))
    for h, what in found.problems(now):
        problems.setdefault(_who(h), []).append(Imbalance(h.hour, what))
    return [Account(*who, counts=dict(n), problems=tuple(problems.get(who, ()))) for who, n in sorted(counts.items())]


def query_state(name: str, samples: Sequence[Sample]) -> QueryState:
    """How a query is by its metrics."""
    state, reason = _state(samples)
    count = total(samples, "garonne_query_batch_seconds_count")
    seconds = total(samples, "garonne_query_batch_seconds_sum")
    watermark = by_label(samples, "garonne_query_watermark_timestamp_seconds", "query").get(name)
    documents = by_label(samples, "garonne_query_documents_total", "outcome")
    return QueryState(
        query=name,
        state=state,
        reason=reason,
        lag_records=by_label(samples, LAG, "query").get(name),
        watermark=datetime.fromtimestamp(watermark, UTC) if watermark else None,
        batches_count=round(count),
        mean_batch_seconds=seconds / count if count else None,
        p95_batch_seconds=_quantile(samples, "garonne_query_batch_seconds_bucket", count),
        rows_count=round(total(samples, "garonne_query_rows_total")),
        written_count=round(documents.get("written", 0)),
        refused_count=round(documents.get("refused", 0)),
        late_count=round(total(samples, "garonne_query_late_rows_total")),
        lag_by_partition=tuple(sorted((_lag(s) for s in samples if s.name == LAG), key=_place)),
    )


def _lag(sample: Sample) -> PartitionLag:
    return PartitionLag(sample.labels["topic"], int(sample.labels["partition"]), round(sample.value))


def _place(lag: PartitionLag) -> tuple[str, int]:
    return lag.topic, lag.partition


def _who(h: FeedHour | JobHour) -> Who:
    if isinstance(h, FeedHour):
        return h.tenant, h.feed, "feed", h.event
    return h.tenant, h.job, "job", h.event


def _counts(h: FeedHour | JobHour) -> dict[str, int]:
    if isinstance(h, JobHour):
        return {name: getattr(h, name) for name in ("expected", "in_results", "late", "repaired")}
    counts = {name: getattr(h, name) for name in ("received", "accepted", "duplicate", "indexed")}
    return {**counts, "rejected": h.rejected.total()}


def _state(samples: Sequence[Sample]) -> tuple[str, str]:
    """Whether it runs; else why not."""
    for s in samples:
        if s.name in STOPPED and s.value:
            return STOPPED[s.name], _reason(s)
    return "running", ""


def _reason(sample: Sample) -> str:
    reason = sample.labels.get("reason", "")
    if sample.name == "garonne_query_refused":
        return REFUSED[Reason(reason)]
    if sample.name == "garonne_query_paused":
        return PAUSED[Kind(reason)]
    return f"for {sample.value:.0f} s: {reason}"


def _quantile(samples: Sequence[Sample], name: str, count: float) -> float | None:
    """The bound of a histogram that 95 % of what it counted lie under; None above its last."""
    bounds = sorted((float(s.labels["le"]), s.value) for s in samples if s.name == name and "le" in s.labels)
    found = next((bound for bound, below in bounds if count and below >= P95 * count), None)
    return None if found == float("inf") else found


def _feed(v: Verdict) -> FeedState:
    return FeedState(
        tenant=v.tenant,
        feed=v.feed,
        state=v.state.value,
        is_good=v.state.is_good,
        reason=v.reason,
        said_at=v.said_at,
        age_seconds=v.age_seconds,
        period_seconds=v.period_seconds,
        devices_count=v.devices_count,
        rejected_share=v.rejected_share,
        silent_devices=tuple(SilentDevice(d.entity_id, d.said_at) for d in v.silent_devices),
    )
