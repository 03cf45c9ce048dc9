"""JSON by a declared mapping: a document with records in it, or one record in each line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, partial
from io import BytesIO
from typing import Any, Literal, TypeVar

import orjson
from pydantic import model_validator

from connectors.formats._body import BOM, json_document, unpacked
from connectors.formats._errors import ReadError
from connectors.formats._mapping import Entry, Mapped, document_of, each
from connectors.formats._paths import Getter, json_getter
from connectors.formats._reference import reference_of
from connectors.model import Alone, Payload, Reason, Record, Reference, Rejected

T = TypeVar("T")

#: Reads one row, given the document it stands in and what holds it alone.
ReadRow = Callable[[Any, Any, Alone], T]


class Options(Mapped):
    """``records`` is the path of the list (``features`` in GeoJSON), else the document is the list or the record."""

    kind: Literal["json_records"]
    layout: Literal["document", "lines"] = "document"
    records: str | None = None

    @cached_property
    def records_getter(self) -> Getter | None:
        """Where the records are in the document."""
        return json_getter(self.records) if self.records else None

    @model_validator(mode="after")
    def _records_is_a_path(self) -> Options:
        if self.layout == "lines" and self.records:
            raise ValueError("'records' is for layout: document")
        _ = self.records_getter
        return self


def decode(payload: Payload, options: Options, reference: Reference) -> Iterator[Record | Rejected]:
    """The observations of a payload."""
    read = options.json_reader.record
    return _read_all(payload, options, lambda row, document, alone: read(row, document, payload, reference, alone))


def read_entries(payload: Payload, options: Options) -> Iterator[Entry | Rejected]:
    """The entities of a reference, with what it says of each."""
    read = options.json_reader.entry
    return _read_all(payload, options, lambda row, document, _: read(row, document, payload))


def read_reference(payload: Payload, options: Options) -> Reference:
    """What a payload says of entities.

    Raises:
        ValueError: nothing in it can be read.
    """
    return reference_of(read_entries(payload, options))


def _read_all(payload: Payload, options: Options, read: ReadRow[T]) -> Iterator[T | Rejected]:
    try:
        if options.layout == "lines":
            yield from _lines(unpacked(payload.body).removeprefix(BOM), read)
        else:
            document = json_document(payload)
            rows = _rows(document, options)
            path = options.records or ""
            source = document_of(document, path, options.json_reader)
            yield from each(rows, lambda row, alone: read(row, document, alone), lambda i: f"{path}[{i}]", source)
    except ReadError as e:
        yield e.of(payload)


def _lines(body: bytes, read: ReadRow[T]) -> Iterator[T | Rejected]:
    for number, line in enumerate(BytesIO(body), 1):
        if line.isspace():
            continue
        try:
            row = orjson.loads(line)
            yield read(row, row, partial(bytes, line))
        except orjson.JSONDecodeError as e:
            yield Rejected(Reason.MALFORMED, f"not JSON: {e}", f"line {number}", line)
        except ReadError as e:
            yield Rejected(e.reason, e.detail, f"line {number}", line)


def _rows(document: Any, options: Options) -> Iterable[Any]:
    if options.records_getter is None:
        return document if type(document) is list else [document]
    found = options.records_getter(document, document) if type(document) is dict else None
    if type(found) is not list:
        raise ReadError(Reason.MALFORMED, f"no list at {options.records!r}")
    return found
