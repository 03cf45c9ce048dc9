"""CSV after RFC 4180, in UTF-8; a text that a spreadsheet would run as a formula is made plain."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import orjson

from serving.exports.format import Exported, Format, Pages
from serving.queries.kinds import FieldKind, is_list, kind_of

#: What begins a formula; see OWASP, "CSV Injection".
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def lines(pages: Pages, columns: Sequence[Exported], delimiter: str = ",") -> Iterator[bytes]:
    """The lines, with the names of the columns first."""
    cells = [_cell_of(c) for c in columns]
    yield _written([[plain(c.name) for c in columns]], delimiter)
    for page in pages:
        rows = ([cell(d.get(c.name)) for c, cell in zip(columns, cells, strict=True)] for d in page)
        yield _written(rows, delimiter)


def plain(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _written(rows: Any, delimiter: str) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _cell_of(column: Exported) -> Callable[[Any], str]:
    kind = kind_of(column.field) if column.field else None
    if column.field and is_list(column.field) and kind is not FieldKind.OPAQUE:
        return lambda value: plain(",".join(map(str, value or ())))
    if kind is FieldKind.PLACE:
        return lambda value: f"{value['lat']}, {value['lon']}" if value else ""
    if kind is FieldKind.OPAQUE:
        return lambda value: "" if value is None else plain(value if isinstance(value, str) else _json(value))
    return _simple


def _simple(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return plain(value) if isinstance(value, str) else str(value)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def with_delimiter(delimiter: str) -> Format:
    """CSV with another sign between the cells."""
    return Format("csv", FORMAT.media_type, partial(lines, delimiter=delimiter))


FORMAT = Format("csv", "text/csv; charset=utf-8", lines)
