"""Answers: documents as JSON, and what is taken away as a stream."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

import orjson
import structlog
from elasticsearch import ApiError, TransportError
from starlette.responses import Response, StreamingResponse

from serving.access.view import View
from serving.exports import FORMATS, Format
from serving.exports.format import Exported
from serving.odsql.clauses import Column, Selection, selection
from serving.problems import bad_query
from serving.queries.bodies import Document

log = structlog.get_logger()

MEDIA: dict[str, Any] = {f.media_type.partition(";")[0]: {} for f in FORMATS.values()}
TAKEN: dict[int | str, dict[str, Any]] = {200: {"description": "The documents.", "content": MEDIA}}


def json(content: Any, status: int = 200, **headers: str) -> Response:
    """JSON as it is."""
    return Response(orjson.dumps(content), status, headers, "application/json")


def columns(view: View, select: str | None) -> list[Column]:
    """The fields that are shown: those selected, or all that are there.

    Raises:
        ProblemError: one is not there, or is a figure.
    """
    return plain_columns(view, selection(select, list(view.fields)) if select is not None else None)


def plain_columns(view: View, selected: Selection | None) -> list[Column]:
    """The fields of a selection; of none, all that are there."""
    if selected is None:
        return [Column(name, name) for name in view.fields]
    if selected.measures:
        raise bad_query(f"{selected.measures[0].name} is a figure of a group; here fields can be selected")
    for column in selected.columns:
        view.field(column.field)
    return list(selected.columns)


def fields_of(shown: Sequence[Column]) -> list[str]:
    """The fields to be read for columns."""
    return list(dict.fromkeys(c.field for c in shown))


def renamed(documents: Sequence[Document], shown: Sequence[Column]) -> list[Document]:
    """Documents under the names of the columns."""
    return [{c.name: d[c.field] for c in shown} for d in documents]


def exported(
    view: View, shown: Sequence[Column], pages: Generator[list[Document], None, None], form: Format, name: str
) -> Response:
    """A stream of documents. The first are read before it begins, so that what is wrong is still a problem document."""
    first = next(pages, [])
    every = (renamed(page, shown) for page in itertools.chain([first], pages))
    return stream(form, every, [Exported(c.name, view.field(c.field)) for c in shown], name, pages.close)


def stream(
    form: Format,
    pages: Iterator[list[Document]],
    shown: Sequence[Exported],
    name: str,
    close: Callable[[], None] = lambda: None,
) -> Response:
    """Pages as a file of a format."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form.name}"'}
    return StreamingResponse(_guarded(form.write(pages, shown), close), headers=headers, media_type=form.media_type)


def _guarded(parts: Iterator[bytes], close: Callable[[], None]) -> Iterator[bytes]:
    """The parts; when they end early the connection breaks, so that nobody takes half a file for a whole one."""
    try:
        yield from (part for part in parts if part)
    except (ApiError, TransportError) as e:
        log.warning("api.export_broken", error=type(e).__name__)
        raise
    finally:
        close()
