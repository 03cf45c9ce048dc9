"""`garonne schemas`: look at contracts, check them, write the dictionary, register them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from garonne.console import console, errors
from jobs.engine.context import Context
from runtime.settings import PROJECT, settings
from schemas import Contract, contract, contracts
from schemas.checks import faults, incompatibilities
from schemas.dictionary import dictionary
from schemas.mapping import index_template

app = typer.Typer(no_args_is_help=True, help="Contracts of events and results.")
DICTIONARY = Path("docs") / "data-dictionary.md"


@app.command("list")
def list_() -> None:
    """All contracts, with their topic and their index."""
    table = Table("contract", "kind", "title", "topic", "index", "key")
    for c in contracts().values():
        topic = c.topic if c.has_topic else ""
        table.add_row(c.name, c.kind, c.declaration.title["en"], topic, f"{c.alias}-*", ", ".join(c.key))
    console.print(table)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Contract.")],
    template: Annotated[bool, typer.Option(help="Its Elasticsearch index template instead.")] = False,
) -> None:
    """One contract, as JSON."""
    try:
        c = contract(name)
    except KeyError as e:
        raise typer.BadParameter(str(e.args[0])) from None
    console.print_json(json.dumps(index_template(c) if template else c.avro))


@app.command()
def check(
    against: Annotated[
        str, typer.Option(help="Git commit whose contracts the new ones must be compatible with.")
    ] = "HEAD",
) -> None:
    """Refuse contracts that would not work, before any data moves. Exits with 1 when there is one."""
    found = [fault for c in contracts().values() for fault in faults(c)]
    found += [f"{c.name}: {i}" for c in contracts().values() for i in _changes(c, against)]
    for fault in found:
        errors.print(fault, style="red", soft_wrap=True)
    if found:
        raise typer.Exit(1)
    console.print(f"{len(contracts())} contracts are sound, and compatible with {against}")


@app.command()
def docs() -> None:
    """Write the data dictionary."""
    (PROJECT / DICTIONARY).write_text(dictionary(contracts().values()), encoding="utf-8")
    console.print(f"written: {DICTIONARY}")


@app.command()
def register() -> None:
    """Make topics, register schemas and put index templates; refused when incompatible."""
    Context.of(settings()).prepare()
    console.print(f"{len(contracts())} contracts registered")


def _changes(c: Contract, commit: str) -> list[str]:
    old = _committed(c, commit)
    return incompatibilities(old, c.avro) if old else []


def _committed(c: Contract, commit: str) -> dict[str, Any] | None:
    """The schema as it stood in a commit; None where there was none."""
    shown = subprocess.run(  # noqa: S603 -- no shell, and git takes the commit as one word
        ["git", "show", f"{commit}:schemas/{c.name}/v{c.major}.avsc"],  # noqa: S607
        cwd=PROJECT,
        capture_output=True,
        timeout=20,
        check=False,
    )
    return json.loads(shown.stdout) if shown.returncode == 0 else None
