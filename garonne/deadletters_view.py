"""Dead letters on a terminal, or as JSON for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import orjson
import typer
from rich.table import Table
from rich.text import Text

from garonne.console import console
from garonne.payload_view import safe, shown
from runtime.avro import Decoder, SchemaSource
from runtime.elastic.letters import Group, Letter
from runtime.elastic.resolutions import Resolution
from schemas import contract


def show_groups(groups: Sequence[tuple[Group, int]], as_json: bool) -> None:
    """Letters counted by what they have in common, with how many are resolved."""
    if as_json:
        print_json([{**asdict(g), "resolved_count": n} for g, n in groups])
        return
    table = Table("tenant", "feed", "stage", "reason", "letters", "resolved", "first", "last")
    for g, n in groups:
        table.add_row(*map(_cell, g.name), f"{g.letters_count:,}", f"{n:,}", _cell(g.first_at), _cell(g.last_at))
    console.print(table)


def show_each(found: Sequence[tuple[Letter, str]], as_json: bool) -> None:
    """Letters one by one, each with its state."""
    if as_json:
        print_json([{**_about(letter), "state": state} for letter, state in found])
        return
    table = Table("id", "refused", "tenant", "feed", "stage", "reason", "state", "place", "detail")
    table.columns[0].no_wrap = True
    for x, state in found:
        row = (x.dead_letter_id, x.occurred_at, x.tenant, x.feed, x.stage, x.reason, state, x.place, x.detail)
        table.add_row(*map(_cell, row))
    console.print(table)


def show_letter(letter: Letter) -> None:
    """All that is known of a letter, and the first of its bytes."""
    table = Table(show_header=False)
    for name, value in _about(letter).items():
        if value is not None:
            table.add_row(name, _cell(value))
    console.print(table)
    console.print(Text(shown(letter.payload)))


def show_resolution(resolution: Resolution, registry: SchemaSource) -> None:
    """What became of a letter: its corrected payload, and the events as they stand in Kafka.

    Raises:
        OSError: the registry does not answer.
    """
    console.print(_cell(f"{resolution.state} at {_time(resolution.updated_at)}"))
    if resolution.fix is not None:
        console.print("corrected payload:")
        console.print(Text(shown(resolution.fix)))
    if resolution.event and resolution.events:
        decode = Decoder(contract(resolution.event), registry)
        console.print(f"{len(resolution.events):,} {resolution.event}:")
        for sent in resolution.events:
            console.print_json(orjson.dumps(decode(sent.value)).decode())


def print_json(value: Any) -> None:
    """One line of JSON."""
    typer.echo(orjson.dumps(value))


def _about(letter: Letter) -> dict[str, Any]:
    return {name: value for name, value in asdict(letter).items() if name != "payload"}


def _time(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(" ", "seconds").removesuffix("+00:00")


def _cell(value: object) -> Text:
    """A value of strangers in a table: no markup, nothing that steers the terminal."""
    return Text(safe(_time(value) if isinstance(value, datetime) else str(value)))
