"""CSV by a declared mapping, as French portals write it: ``;``, decimal commas, any of the usual encodings, gzip."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO, TextIOWrapper
from typing import Literal, TypeVar

from pydantic import Field, model_validator

from connectors.formats._body import limit_marks, unpacked
from connectors.formats._errors import ReadError, shown
from connectors.formats._mapping import Entry, Mapped, Reader
from connectors.formats._paths import Getter
from connectors.formats._reference import reference_of
from connectors.model import Alone, Payload, Reason, Record, Reference, Rejected

T = TypeVar("T")

MAX_LINES = 2_000_000
MAX_LINE_BYTES = 1_000_000
LONG_LINE = re.compile(rb"[^\r\n]{%d}" % (MAX_LINE_BYTES + 1))

#: Number of a line, the line, and its cells or what is wrong with it.
Line = tuple[int, str, list[str] | str]

#: How a byte that is not of the encoding is kept, so that only its own line is refused.
KEPT = "surrogateescape"


class Options(Mapped):
    """Paths are names of columns; ``columns`` names them where the file has no header."""

    kind: Literal["csv_records"]
    encoding: Literal["utf-8", "utf-8-sig", "latin-1", "cp1252"] = "utf-8-sig"
    delimiter: str = Field(default=";", pattern=r"^[;,\t| ]$")
    quote: str = Field(default='"', pattern=r"^[\"']$")
    columns: tuple[str, ...] = ()
    skip_lines: int = Field(default=0, ge=0, le=1000)
    multiline: bool = False  # whether quoted cells hold line ends; then a stray quote can cost several lines

    def check(self) -> None:
        """The mapping compiled once, for its errors; any text may be the name of a column.

        Raises:
            ValueError: it cannot be.
        """
        Reader(self, lambda _: _nothing, list)

    @model_validator(mode="after")
    def _named_once(self) -> Options:
        if len(set(self.columns)) != len(self.columns):
            raise ValueError("columns: two have the same name")
        return self


def decode(payload: Payload, options: Options, reference: Reference) -> Iterator[Record | Rejected]:
    """The observations of a file."""
    return _read_all(payload, options, lambda r, row, alone: r.record(row, None, payload, reference, alone))


def read_entries(payload: Payload, options: Options) -> Iterator[Entry | Rejected]:
    """The entities of a reference, with what it says of each."""
    return _read_all(payload, options, lambda r, row, _: r.entry(row, None, payload))


def read_reference(payload: Payload, options: Options) -> Reference:
    """What a file says of entities.

    Raises:
        ValueError: nothing in it can be read.
    """
    return reference_of(read_entries(payload, options))


def _read_all(
    payload: Payload, options: Options, read: Callable[[Reader, list[str], Alone], T]
) -> Iterator[T | Rejected]:
    try:
        lines = _lines(_checked(unpacked(payload.body)), options)
        first, header = ("", options.columns) if options.columns else _header(lines)
        reader = Reader(options, _columns(header, options), list)
    except ReadError as e:
        yield e.of(payload)
        return
    width = len(header)
    head = "\n" * options.skip_lines + (f"{first}\n" if first else "")
    for number, line, cells in lines:
        alone = partial(_encoded, head, line, options)
        try:
            if type(cells) is str:
                raise ReadError(Reason.MALFORMED, cells)
            if len(cells) != width:
                raise ReadError(Reason.MALFORMED, f"{len(cells)} cells where the header has {width}")
            if not line.isascii() and not line.isprintable():
                _refuse_foreign_bytes(line, options.encoding)
            yield read(reader, cells, alone)  # type: ignore[arg-type]
        except ReadError as e:
            yield Rejected(e.reason, e.detail, f"line {number}", alone())


def _encoded(head: str, line: str, options: Options) -> bytes:
    """A file with that line alone."""
    return f"{head}{line}\n".encode(options.encoding.removesuffix("-sig"), KEPT)


def _checked(body: bytes) -> bytes:
    """The file, when neither its lines nor their number go beyond what memory is for."""
    for end in (b"\n", b"\r"):
        limit_marks(body, end, MAX_LINES, "lines")
    if len(body) > MAX_LINE_BYTES and LONG_LINE.search(body):
        raise ReadError(Reason.TOO_LARGE, f"a line of more than {MAX_LINE_BYTES} bytes")
    return body


def _lines(body: bytes, options: Options) -> Iterator[Line]:
    split = _multiline if options.multiline else _one_line_each
    for line in split(body, options):
        if line[0] > options.skip_lines and line[1].strip():
            yield line


def _text(body: bytes, options: Options, newline: str | None) -> TextIOWrapper:
    return TextIOWrapper(BytesIO(body), options.encoding, KEPT, newline)


def _one_line_each(body: bytes, options: Options) -> Iterator[Line]:
    delimiter, quote = options.delimiter, options.quote
    for number, raw in enumerate(_text(body, options, None), 1):
        line = raw.rstrip("\n")
        yield number, line, line.split(delimiter) if quote not in line else _quoted(line, options)


def _quoted(line: str, options: Options) -> list[str] | str:
    try:
        return next(csv.reader([line], delimiter=options.delimiter, quotechar=options.quote, strict=True))
    except csv.Error as e:
        return f"not CSV: {e}"


def _multiline(body: bytes, options: Options) -> Iterator[Line]:
    lines = list(_text(body, options, ""))
    rows = csv.reader(lines, delimiter=options.delimiter, quotechar=options.quote, strict=True)
    while True:
        start = rows.line_num
        cells: list[str] | str
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as e:
            cells = f"not CSV: {e}"
        yield start + 1, "".join(lines[start : rows.line_num]).rstrip("\r\n"), cells


def _header(lines: Iterator[Line]) -> tuple[str, tuple[str, ...]]:
    """The first line, and the names in it."""
    first = next(lines, None)
    if first is None:
        raise ReadError(Reason.MALFORMED, "the file is empty")
    number, line, cells = first
    if type(cells) is str:
        raise ReadError(Reason.MALFORMED, f"line {number}: {cells}")
    return line, tuple(str(c).strip() for c in cells)


def _columns(header: tuple[str, ...], options: Options) -> Callable[[str], Getter]:
    index = {name: i for i, name in reversed(list(enumerate(header)))}
    times = options.observed_at
    for key in (
        options.entity_id.source,
        times.source if times else (),
        *((c,) for c in (times.join if times else ())),
    ):
        if key and not any(k in index for k in key):
            raise ReadError(Reason.MISSING_FIELD, f"no column {shown(key[0])}; there are {', '.join(header)[:500]}")

    def resolve(path: str) -> Getter:
        i = index.get(path)
        return _nothing if i is None else lambda row, _document: row[i]

    return resolve


def _nothing(_row: object, _document: object) -> None:
    return None


def _refuse_foreign_bytes(line: str, encoding: str) -> None:
    try:
        line.encode(encoding)
    except UnicodeEncodeError as e:
        raise ReadError(Reason.MALFORMED, f"not {encoding}") from e
