"""`garonne ledger`: whether everything that was accepted is there, by feed, by job and by hour."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table

from garonne.console import console
from jobs.engine.ledger import FeedHour, JobHour, Ledger, Span
from jobs.engine.ledger_counts import counted, of_the_last_day
from jobs.engine.main import instant
from runtime.elastic.client import client
from runtime.endpoints import endpoints
from runtime.settings import settings

DAY = timedelta(days=1)
SHOWN = 20


def ledger(
    since: Annotated[
        str | None, typer.Option("--from", help="First hour of event time; without it, a day before --to.")
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--to", help="End of the last hour; without both, every hour of which something came in a day."),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 when something does not add up.")] = False,
    now: Annotated[bool, typer.Option("--now", help="Judge also hours in which something may be on its way.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Every hour, for scripts.")] = False,
) -> None:
    """Show what the feeds brought and what became of it: received, accepted, indexed, in results, late, repaired."""
    es = client(endpoints(settings()))
    asked = since is not None or until is not None
    found = counted(es, span_of(since, until) if asked else of_the_last_day(es, datetime.now(UTC)))
    problems = found.problems(None if now else datetime.now(UTC))
    if as_json:
        typer.echo(json.dumps(_json(found, problems), default=str))
    else:
        console.print(feeds_table(found.feeds))
        console.print(jobs_table(found.jobs))
        console.print(verdict(found, problems))
    if check and problems:
        raise typer.Exit(1)


def span_of(since: str | None, until: str | None) -> Span:
    """The span that was asked for, in whole hours.

    Raises:
        typer.BadParameter: it ends before it begins.
    """
    end = instant(until) if until else datetime.now(UTC) + timedelta(hours=1)
    start = instant(since) if since else end - DAY
    if start >= end:
        raise typer.BadParameter(f"--from {start.isoformat()} is not before --to {end.isoformat()}")
    whole = start.replace(minute=0, second=0, microsecond=0)
    return Span(whole, end)


def feeds_table(hours: Iterable[FeedHour]) -> Table:
    """What each feed brought in the span."""
    table = Table("tenant", "feed", "received", "accepted", "duplicate", "rejected", "indexed", title="Feeds")
    sums: dict[tuple[str, str], list[int]] = {}
    reasons: dict[tuple[str, str], Counter[str]] = {}
    for h in hours:
        row = sums.setdefault((h.tenant, h.feed), [0] * 4)
        for i, count in enumerate((h.received, h.accepted, h.duplicate, h.indexed)):
            row[i] += count
        reasons.setdefault((h.tenant, h.feed), Counter()).update(h.rejected)
    for key in sorted(sums):
        received, accepted, duplicate, indexed = (f"{n:,}" for n in sums[key])
        why = ", ".join(f"{reason} {n:,}" for reason, n in reasons[key].most_common()) or "0"
        table.add_row(*key, received, accepted, duplicate, why, indexed)
    return table


def jobs_table(hours: Iterable[JobHour]) -> Table:
    """How many of their observations the jobs' documents stand on."""
    table = Table("tenant", "job", "observations", "in results", "late", "repaired", title="Jobs")
    sums: dict[tuple[str, str], list[int]] = {}
    for h in hours:
        row = sums.setdefault((h.tenant, h.job), [0] * 4)
        for i, count in enumerate((h.expected, h.in_results, h.late, h.repaired)):
            row[i] += count
    for key in sorted(sums):
        table.add_row(*key, *(f"{n:,}" for n in sums[key]))
    return table


def verdict(found: Ledger, problems: list[tuple[FeedHour | JobHour, str]]) -> str:
    """What does not add up, the newest first; or that all does."""
    if not problems:
        return f"All adds up: {len(found.feeds):,} hours of feeds, {len(found.jobs):,} hours of jobs."
    newest = sorted(problems, key=lambda p: p[0].hour, reverse=True)
    lines = [f"{h.tenant} {_counter(h)} {h.hour:%Y-%m-%d %H}h: {problem}" for h, problem in newest[:SHOWN]]
    if len(newest) > SHOWN:
        lines.append(f"… and {len(newest) - SHOWN:,} more; --json has them all")
    return "\n".join([f"[red]{len(problems):,} hours do not add up:[/red]", *lines])


def _counter(of: FeedHour | JobHour) -> str:
    return of.feed if isinstance(of, FeedHour) else of.job


def _json(found: Ledger, problems: list[tuple[FeedHour | JobHour, str]]) -> dict[str, object]:
    return {
        "feeds": [asdict(h) for h in found.feeds],
        "jobs": [asdict(h) for h in found.jobs],
        "problems": [
            {"tenant": h.tenant, "counter": _counter(h), "hour": h.hour, "what": what} for h, what in problems
        ],
    }
