"""`garonne deadletters`: what could not be taken in, and its way back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated

import orjson
import typer
from elasticsearch import Elasticsearch

from connectors.redecoding import NotReplayableError, Redecoder, StillRejectedError
from connectors.replaying import DONE, Replayed, Replayer
from garonne.console import console, errors, progress_bars
from garonne.deadletters_view import print_json, show_each, show_groups, show_letter, show_resolution
from garonne.editing import edited
from garonne.feeds import ALL_FEEDS
from garonne.payload_view import safe
from jobs.engine.context import Context
from jobs.engine.main import instant
from runtime.dead_letters import MAX_PAYLOAD_BYTES
from runtime.elastic import resolutions
from runtime.elastic.letters import Letter, Selection, count, groups, letters, one
from runtime.elastic.resolutions import Stored
from runtime.settings import settings

app = typer.Typer(no_args_is_help=True, help="Dead letters: what could not be taken in, and its way back.")

Tenant = Annotated[str | None, typer.Option(help="Commune or body whose letters they are.")]
Feed = Annotated[str | None, typer.Option(help="Feed they came by; the topic or the job when refused after Kafka.")]
Reason = Annotated[str | None, typer.Option(help="Class of the failure, such as malformed or out_of_range.")]
Stage = Annotated[str | None, typer.Option(help="Where they were refused: connector, decode or index.")]
Since = Annotated[str | None, typer.Option("--from", help="Refused at or after, such as 2026-11-21T00:00:00Z.")]
Until = Annotated[str | None, typer.Option("--to", help="Refused before.")]
Json = Annotated[bool, typer.Option("--json", help="JSON for scripts.")]
Id = Annotated[str, typer.Argument(help="Id of the letter, as 'list --each' shows it.")]
Feeds = Annotated[Path, typer.Option(exists=True, help="The feeds' YAML files as they are now: a folder, or one file.")]


@app.command("list")
def list_(
    tenant: Tenant = None,
    feed: Feed = None,
    reason: Reason = None,
    stage: Stage = None,
    since: Since = None,
    until: Until = None,
    unresolved: Annotated[bool, typer.Option("--unresolved", help="Only where something is left to do.")] = False,
    each: Annotated[bool, typer.Option("--each", help="A line for each letter, with its id.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Letters to show with --each, oldest first.")] = 100,
    as_json: Json = False,
) -> None:
    """Count dead letters by feed, stage and reason, or show them one by one."""
    selection = _selection((), tenant, feed, reason, stage, since, until)
    es = Context.of(settings()).es
    if each:
        show_each(list(islice(_with_state(es, selection, unresolved), limit)), as_json)
        return
    done = resolutions.resolved_groups(es, selection)
    rows = [(g, done.get(g.name, 0)) for g in groups(es, selection)]
    show_groups([(g, n) for g, n in rows if g.letters_count > n or not unresolved], as_json)


@app.command()
def show(
    dead_letter_id: Id,
    tenant: Tenant = None,
    save: Annotated[Path | None, typer.Option(help="File to write all its bytes to.")] = None,
) -> None:
    """Everything of one letter: where it came from, what was wrong, its bytes, and what it became."""
    context = Context.of(settings())
    letter = one(context.es, dead_letter_id, tenant)
    show_letter(letter)
    stored = resolutions.known(context.es, [letter]).get(letter.key)
    if stored:
        show_resolution(stored.resolution, context.registry)
    if save:
        save.write_bytes(letter.payload)
        console.print(f"written: {save}", markup=False)


@app.command()
def fix(
    dead_letter_id: Id,
    payload: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="File with the payload.")] = None,
    edit: Annotated[bool, typer.Option("--edit", help="Edit its bytes with $VISUAL or $EDITOR.")] = False,
    tenant: Tenant = None,
    feeds: Feeds = ALL_FEEDS,
) -> None:
    """Keep a corrected payload for a letter, and show what it would become. Exits with 1 when it would be rejected."""
    if (payload is None) != edit:
        raise typer.BadParameter("give either --payload FILE or --edit")
    context = Context.of(settings())
    context.prepare()
    letter = one(context.es, dead_letter_id, tenant)
    stored = resolutions.known(context.es, [letter]).get(letter.key)
    last = stored.resolution.fix if stored else None
    body = _read(payload) if payload else edited(letter.payload if last is None else last)
    if len(body) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"{len(body):,} bytes, over {MAX_PAYLOAD_BYTES:,}: divide it, or let the feed take it in")
    resolutions.fix(context.es, letter, body, datetime.now(UTC))
    console.print(f"kept: {len(body):,} bytes for {letter.dead_letter_id}", markup=False)
    try:
        decoded = _redecoder(context, feeds)(letter, body)
    except (StillRejectedError, NotReplayableError) as e:
        errors.print(f"it would still be rejected: {safe(str(e))}", style="yellow", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    for event in decoded.events:
        console.print_json(orjson.dumps(event).decode())
    console.print(
        f"it would become {len(decoded.events)} {decoded.contract.name}: "
        f"garonne deadletters replay {letter.dead_letter_id}",
        soft_wrap=True,
    )


@app.command()
def replay(
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of letters; or choose them by the options.")] = None,
    tenant: Tenant = None,
    feed: Feed = None,
    reason: Reason = None,
    stage: Stage = None,
    since: Since = None,
    until: Until = None,
    every: Annotated[bool, typer.Option("--all", help="All dead letters.")] = False,
    feeds: Feeds = ALL_FEEDS,
    as_json: Json = False,
) -> None:
    """Decode letters again by what their feeds' YAML says now, and send their events once, however often it is called.

    Exits with 1 when a letter is left that gives no events.
    """
    selection = _selection(tuple(ids or ()), tenant, feed, reason, stage, since, until)
    if selection.is_all != every:
        raise typer.BadParameter("give ids, or options that choose, or --all")
    context = Context.of(settings())
    context.prepare()
    total = count(context.es, selection)
    if total < len(set(selection.ids)):
        raise LookupError(f"only {total} of {len(set(selection.ids))} dead letters are in Elasticsearch")
    replayer = Replayer(context.endpoints, context.es, context.registry, _redecoder(context, feeds))
    outcomes: Counter[str] = Counter()
    with progress_bars() as report:
        for page in replayer.replay(selection):
            for replayed in page:
                outcomes[replayed.became] += 1
                _say(replayed, as_json)
            report("replaying", sum(outcomes.values()) / max(total, 1))
    errors.print(", ".join(f"{n:,} {what}" for what, n in sorted(outcomes.items())) or "no dead letters")
    if outcomes.keys() - DONE:
        raise typer.Exit(1)


def _selection(
    ids: tuple[str, ...],
    tenant: str | None,
    feed: str | None,
    reason: str | None,
    stage: str | None,
    since: str | None,
    until: str | None,
) -> Selection:
    start, end = instant(since) if since else None, instant(until) if until else None
    if start and end and start >= end:
        raise typer.BadParameter(f"--from {start.isoformat()} is not before --to {end.isoformat()}")
    return Selection(ids, tenant, feed, reason, stage, start, end)


def _redecoder(context: Context, feeds: Path) -> Redecoder:
    return Redecoder(feeds, settings(), context.endpoints, context.registry)


def _read(path: Path) -> bytes:
    with path.open("rb") as f:
        return f.read(MAX_PAYLOAD_BYTES + 1)


def _with_state(es: Elasticsearch, selection: Selection, unresolved: bool) -> Iterator[tuple[Letter, str]]:
    for page in letters(es, selection):
        known = resolutions.known(es, page)
        for letter in page:
            state = _state(letter, known.get(letter.key))
            if state != "resolved" or not unresolved:
                yield letter, state


def _state(letter: Letter, stored: Stored | None) -> str:
    if stored is None:
        return "open"
    last = stored.resolution
    return "refused again" if last.state == "resolved" and not last.settles(letter) else last.state


def _say(replayed: Replayed, as_json: bool) -> None:
    letter = replayed.letter
    if as_json:
        about = {"tenant": letter.tenant, "dead_letter_id": letter.dead_letter_id, "feed": letter.feed}
        print_json({**about, "became": replayed.became, "detail": replayed.detail})
        return
    style = None if replayed.became in DONE else "yellow"
    detail = f": {safe(replayed.detail)}" if replayed.detail else ""
    console.print(f"{letter.dead_letter_id} {replayed.became}{detail}", style=style, markup=False, soft_wrap=True)
