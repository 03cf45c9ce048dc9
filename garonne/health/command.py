"""`garonne health`: the feeds and their devices, by the age of what they say."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import orjson
import typer
from elasticsearch import ApiError, Elasticsearch, TransportError
from rich.markup import escape
from rich.table import Table

from connectors.feed import FeedError, FeedHead, load_heads
from garonne.console import console
from garonne.feeds import ALL_FEEDS
from garonne.health import observed
from garonne.health.judgement import Verdict, judged
from garonne.metrics_view import by_label, scraped
from garonne.payload_view import safe
from runtime.elastic.client import client
from runtime.endpoints import endpoints
from runtime.processes import running
from runtime.settings import settings

TIMEOUT_SECONDS = 15.0
SHOWN_DEVICES = 50
PAUSED = "garonne_feed_paused"

Folder = Annotated[
    Path | None,
    typer.Argument(
        exists=True, help="A feed's YAML file, or a folder of them; by default every feed that ever said something."
    ),
]


def health(
    feeds: Folder = None,
    feed: Annotated[str | None, typer.Option(help="Only the feed of this id.")] = None,
    devices: Annotated[bool, typer.Option("--devices", help="Name the devices that are silent.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with all devices that are silent.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 when something is not as it should be.")] = False,
) -> None:
    """Show the age of what each feed says, which of them are stale or broken, and which devices are silent."""
    heads = _chosen(load_heads(feeds or ALL_FEEDS), feed)
    es = client(endpoints(settings()), TIMEOUT_SECONDS)
    only_heard = feeds is None and feed is None
    verdicts = feeds_health(es, heads, datetime.now(UTC), only_heard=only_heard, paused=paused_feeds())
    if as_json:
        console.print(orjson.dumps([asdict(v) for v in verdicts]).decode(), soft_wrap=True, markup=False)
    else:
        console.print(health_table(verdicts))
        for v in verdicts if devices or feed else []:
            console.print(devices_table(v)) if v.silent_devices else None
    if check and not all(v.state.is_good for v in verdicts):
        raise typer.Exit(1)


def paused_feeds() -> set[str]:
    """Feeds that running connectors say they have paused."""
    return {feed for feed, is_paused in by_label(scraped(running(settings())), PAUSED, "feed").items() if is_paused}


def feeds_health(
    es: Elasticsearch, heads: Collection[FeedHead], now: datetime, *, only_heard: bool, paused: Collection[str] = ()
) -> list[Verdict]:
    """How feeds are at a time (aware), in the order of their ids; with ``only_heard`` those that ever said something.

    Raises:
        RuntimeError: Elasticsearch does not answer.
    """
    try:
        heard = observed.heard(es)
        wanted = _of_heard(heads, heard) if only_heard else heads
        silent = observed.silent_devices(es, [a for h in wanted if (a := observed.asked(h, now)) is not None])
        counted = observed.counted(es, now)
    except (ApiError, TransportError) as e:
        raise RuntimeError(f"Elasticsearch does not say how the feeds are: {e}") from e
    named = [((h.tenant, h.id), h) for h in sorted(wanted, key=lambda h: (h.id, h.tenant))]
    return [judged(h, heard.get(n), counted.get(n), silent.get(n, ()), h.id in paused, now) for n, h in named]


def health_table(verdicts: Sequence[Verdict]) -> Table:
    """How each feed is, and why."""
    table = Table("feed", "state", "newest observation", "age", "period", "devices", "rejected", "", title="Health")
    for v in verdicts:
        table.add_row(
            escape(safe(v.feed)),
            v.state,
            v.said_at.isoformat(" ", "seconds") if v.said_at else "",
            span(v.age_seconds),
            span(v.period_seconds),
            f"{v.devices_count:,}",
            "" if v.rejected_share is None else f"{v.rejected_share:.1%}",
            escape(v.reason),
        )
    return table


def devices_table(verdict: Verdict) -> Table:
    """The devices of a feed that are silent, the longest first."""
    table = Table("device", "last observation", title=f"Silent devices of {escape(verdict.feed)}")
    for d in verdict.silent_devices[:SHOWN_DEVICES]:
        table.add_row(escape(safe(d.entity_id)), d.said_at.isoformat(" ", "seconds"))
    if (more := len(verdict.silent_devices) - SHOWN_DEVICES) > 0:
        table.add_row(f"and {more:,} more: --json names all", "")
    return table


def span(seconds: float | None) -> str:
    """A time span in its largest unit that it fills twice."""
    if seconds is None:
        return ""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def _of_heard(heads: Collection[FeedHead], heard: Collection[observed.Name]) -> list[FeedHead]:
    """The heads of the feeds that were heard, and an empty one for each that has no file."""
    declared = {(h.tenant, h.id): h for h in heads}
    return [declared.get(n) or FeedHead.model_construct(tenant=n[0], id=n[1], event="", title="") for n in heard]


def _chosen(heads: Sequence[FeedHead], feed: str | None) -> list[FeedHead]:
    found = [h for h in heads if feed is None or h.id == feed]
    if not found:
        raise FeedError(f"no feed is called {feed!r}; there are {', '.join(h.id for h in heads) or 'none'}")
    return found
