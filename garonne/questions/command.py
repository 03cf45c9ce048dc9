"""`garonne questions`: what a city asks, and how."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer
from elasticsearch import Elasticsearch
from rich.table import Table

from garonne.console import console
from garonne.questions.asking import Row, fill, forget, of_api, of_elasticsearch
from garonne.questions.city import TENANT
from garonne.questions.page import page
from garonne.questions.question import Question, questions
from runtime.elastic.client import client
from runtime.endpoints import endpoints
from runtime.files import write_atomically
from runtime.settings import PROJECT, settings
from serving.access.audit import Audit
from serving.app import application
from serving.services import Services

app = typer.Typer(no_args_is_help=True, help="Twenty questions of a city, asked of Elasticsearch and of the API.")
PAGE = PROJECT / "docs" / "questions.md"


class Unrecorded(Audit):
    """No record: nobody else than who runs the command asks."""

    def note(self, access: dict[str, Any]) -> None:
        """Leave it."""


@app.command("fill")
def fill_() -> None:
    """Put the example city into Elasticsearch, as a tenant of its own."""
    console.print(f"{fill(_es()):,} documents of {TENANT}")


@app.command("forget")
def forget_() -> None:
    """Remove the example city from Elasticsearch."""
    forget(_es())
    console.print(f"removed: {TENANT}")


@app.command()
def ask(wanted: Annotated[str | None, typer.Argument(help="Id of a question; without it, all.")] = None) -> None:
    """Ask, and show the answers; ends with 1 when Elasticsearch and the API differ."""
    chosen = [q for q in questions() if wanted in (None, q.id)]
    if not chosen:
        raise typer.BadParameter(f"no question {wanted}; there are {', '.join(q.id for q in questions())}")
    for question, rows in answered(_es(), chosen):
        table = Table(
            *(rows[0] if rows else ["nothing"]), title=f"{question.fr}  ({question.id})", title_justify="left"
        )
        for row in rows:
            table.add_row(*map(str, row.values()))
        console.print(table)


@app.command()
def docs() -> None:
    """Fill the example city, ask everything, and write docs/questions.md."""
    es = _es()
    fill(es)
    write_atomically(PAGE, page(answered(es, questions())))
    console.print(f"written: {PAGE.relative_to(PROJECT)}")


def answered(es: Elasticsearch, chosen: list[Question] | tuple[Question, ...]) -> list[tuple[Question, list[Row]]]:
    """Questions with the rows that both doors gave.

    Raises:
        RuntimeError: they gave different ones; says which question and what.
    """
    services = replace(Services.of(es, "questions"), audit=Unrecorded(es))
    of_both = zip(chosen, of_api(application(services), chosen), strict=True)
    found = []
    for question, rows in of_both:
        others = of_elasticsearch(es, question)
        if rows != others:
            raise RuntimeError(f"{question.id}: the API says {rows}, Elasticsearch {others}")
        found.append((question, rows))
    return found


def _es() -> Elasticsearch:
    return client(endpoints(settings()))
