"""`garonne status`: servers, processes, feeds, queries, and how fresh the documents are."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer
from elasticsearch import ApiError, Elasticsearch, TransportError
from rich.table import Table

from connectors.feed import FeedError, load_heads
from garonne.console import console
from garonne.feeds import ALL_FEEDS
from garonne.freshness import Percentiles, Watch
from garonne.health.command import TIMEOUT_SECONDS as HEALTH_TIMEOUT_SECONDS
from garonne.health.command import feeds_health, health_table, paused_feeds
from garonne.ledger import verdict
from garonne.metrics_view import Sample, by_label, scraped, total
from jobs.engine.failures import Kind
from jobs.engine.ledger_counts import counted, of_the_last_day
from jobs.engine.refusal import Reason
from jobs.job import all_jobs
from runtime.elastic.client import client
from runtime.endpoints import NoEndpointsError, endpoints
from runtime.local import ServerStatus, stack
from runtime.processes import Process, running
from runtime.settings import settings

LATEST_LIMIT_SECONDS = 3.0
MARGIN_SECONDS = 3.0
REFUSED = {
    Reason.LOST: "it has run before, and its checkpoint is gone",
    Reason.DAMAGED: "its checkpoint is damaged",
    Reason.PLACE: "Kafka no longer has what it would read next",
    Reason.CHANGED: "the job is not the one that began its checkpoint",
    Reason.UNFINISHED: "its rebuild was stopped before its end",
}
PAUSED = {
    Kind.SINK: "Elasticsearch refuses most of a batch, so its mapping is to be mended",
    Kind.BLOCKED: "its index takes no writes",
    Kind.LOGIN: "Elasticsearch refuses the login",
    Kind.KAFKA: "Kafka does not answer",
    Kind.ELASTICSEARCH: "Elasticsearch does not answer",
    Kind.FAILURE: "its last batch failed, as the driver's log says",
    Kind.STUCK: "the same batch fails again and again, as the driver's log says",
}


def status(
    watch_seconds: Annotated[
        float, typer.Option("--watch", help="Seconds to watch documents arrive, for their freshness; 0 to skip.")
    ] = 20.0,
) -> None:
    """Show what runs, flows and adds up. Exits with 1 when a server, a query, a figure or the ledger is not well."""
    servers = stack.status(settings())
    processes = running(settings())
    console.print(servers_table(servers, processes))
    samples = scraped(processes)
    if samples:
        console.print(feeds_table(samples))
        console.print(queries_table(samples))
    stopped = stopped_queries(samples)
    for line in stopped:
        console.print(line, style="red", soft_wrap=True)
    _show_health()
    fresh = _freshness(watch_seconds) if watch_seconds and processes else {}
    if fresh:
        console.print(freshness_table(fresh))
    down = [s.name for s in servers if s.state not in ("running", "given")]
    adds_up = _ledger()
    if down or stopped or not adds_up or any(not is_fresh(name, p) for name, p in fresh.items()):
        raise typer.Exit(1)


def servers_table(servers: Sequence[ServerStatus], processes: Sequence[Process]) -> Table:
    """Servers and processes, with their memory."""
    table = Table("part", "state", "address", "memory MB", title="Servers and processes")
    for s in servers:
        table.add_row(f"{s.title} {s.version}", s.state, s.address or "", f"{s.memory_mb:.0f}" if s.memory_mb else "")
    for p in processes:
        table.add_row(f"garonne {p.name}", "running", f"127.0.0.1:{p.metrics_port}/metrics", f"{p.memory_mb:.0f}")
    memory = sum(s.memory_mb or 0 for s in servers) + sum(p.memory_mb for p in processes)
    table.add_row("together", "", "", f"{memory:.0f}")
    return table


def feeds_table(samples: Sequence[Sample]) -> Table:
    """What became of the records of each feed."""
    table = Table("feed", "accepted", "duplicate", "rejected", "errors", "newest record", title="Feeds")
    newest = by_label(samples, "garonne_feed_last_observed_timestamp_seconds", "feed")
    for feed in sorted(by_label(samples, "garonne_feed_payloads_total", "feed")):
        outcomes = [
            total(samples, "garonne_feed_records_total", feed=feed, outcome=o)
            for o in ("accepted", "duplicate", "rejected")
        ]
        failed = total(samples, "garonne_feed_errors_total", feed=feed)
        seen = datetime.fromtimestamp(newest[feed], UTC).isoformat(" ", "seconds") if newest.get(feed) else ""
        table.add_row(feed, *(f"{n:,.0f}" for n in (*outcomes, failed)), seen)
    return table


def queries_table(samples: Sequence[Sample]) -> Table:
    """What each query read and wrote."""
    table = Table("query", "rows", "written", "unchanged", "refused", "late", "lag", "mean batch s", title="Queries")
    for query in sorted(by_label(samples, "garonne_query_rows_total", "query")):
        counts = [total(samples, "garonne_query_rows_total", query=query)]
        counts += [
            total(samples, "garonne_query_documents_total", query=query, outcome=o)
            for o in ("written", "unchanged", "refused")
        ]
        counts += [
            total(samples, n, query=query) for n in ("garonne_query_late_rows_total", "garonne_query_lag_records")
        ]
        batches = total(samples, "garonne_query_batch_seconds_count", query=query)
        seconds = total(samples, "garonne_query_batch_seconds_sum", query=query)
        mean = f"{seconds / batches:.2f}" if batches else ""
        table.add_row(query, *(f"{n:,.0f}" for n in counts), mean)
    return table


def stopped_queries(samples: Sequence[Sample]) -> list[str]:
    """A line for each query that does not run, with what to do."""
    lines = []
    for s in samples:
        query, reason = s.labels.get("query", ""), s.labels.get("reason", "")
        if s.name == "garonne_query_refused" and s.value:
            lines.append(f"{query} is refused: {REFUSED[Reason(reason)]}. To begin anew: garonne rebuild {query}")
        if s.name == "garonne_query_paused" and s.value:
            lines.append(f"{query} is paused and tried again by itself: {PAUSED[Kind(reason)]}")
        if s.name == "garonne_sink_waiting":
            lines.append(f"{query} has been waiting for Elasticsearch for {s.value:.0f} s: {reason}")
    return lines


def freshness_table(fresh: dict[str, Percentiles]) -> Table:
    """How old documents are when they can first be found, beside the limit."""
    table = Table(
        "documents",
        "seen",
        "p50 s",
        "p95 s",
        "p99 s",
        "limit s",
        "",
        title="Freshness, from ingestion to search, over the last two minutes",
    )
    for name, p in fresh.items():
        verdict = "ok" if is_fresh(name, p) else "too old"
        table.add_row(
            name, f"{p.count:,}", f"{p.p50:.2f}", f"{p.p95:.2f}", f"{p.p99:.2f}", f"{limit(name):.0f}", verdict
        )
    return table


def is_fresh(name: str, measured: Percentiles) -> bool:
    """Whether the 99th percentile keeps the limit."""
    return measured.p99 <= limit(name)


def limit(name: str) -> float:
    """Seconds within which a document has to be found: 3 for latest states, a job's freshness + 3 for its results."""
    if name == "latest":
        return LATEST_LIMIT_SECONDS
    return max(j.freshness.total_seconds() for j in all_jobs().values() if j.result == name) + MARGIN_SECONDS


def _show_health() -> None:
    """How the feeds are that ever said something, where Elasticsearch can be asked."""
    try:
        es = client(endpoints(settings()), HEALTH_TIMEOUT_SECONDS)
        heads, paused = load_heads(ALL_FEEDS), paused_feeds()
        verdicts = feeds_health(es, heads, datetime.now(UTC), only_heard=True, paused=paused)
    except (RuntimeError, FeedError) as e:
        console.print(str(e), soft_wrap=True, markup=False)
        return
    if verdicts:
        console.print(health_table(verdicts))


def _ledger() -> bool:
    """Show whether the last day adds up, where that can be known."""
    try:
        es = client(endpoints(settings()), HEALTH_TIMEOUT_SECONDS)
        found = counted(es, of_the_last_day(es, datetime.now(UTC)))
    except (NoEndpointsError, ApiError, TransportError):
        return True
    problems = found.problems(datetime.now(UTC))
    console.print("Ledger of the last day. " + verdict(found, problems))
    return not problems


def _freshness(seconds: float) -> dict[str, Percentiles]:
    try:
        es: Elasticsearch = client(endpoints(settings()))
    except NoEndpointsError:
        return {}
    watch = Watch(es, datetime.now(UTC)).begin()
    with console.status(f"watching documents arrive for {seconds:.0f} s …"):
        time.sleep(seconds)
    return watch.end()
