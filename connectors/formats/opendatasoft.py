"""Opendatasoft Explore v2.1: an answer of ``/records`` or an export as JSON, by a declared mapping."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeVar

from connectors.formats._body import json_document
from connectors.formats._errors import ReadError, shown
from connectors.formats._mapping import Entry, Mapped, document_of, each
from connectors.formats._reference import reference_of
from connectors.model import Alone, Payload, Reason, Record, Reference, Rejected

T = TypeVar("T")


class Options(Mapped):
    """Paths are the fields of the data set."""

    kind: Literal["opendatasoft"]


def decode(payload: Payload, options: Options, reference: Reference) -> Iterator[Record | Rejected]:
    """The observations of an answer or an export."""
    read = options.json_reader.record
    return _read_all(payload, options, lambda row, document, alone: read(row, document, payload, reference, alone))


def read_entries(payload: Payload, options: Options) -> Iterator[Entry | Rejected]:
    """The entities of a data set of places, with what it says of each."""
    read = options.json_reader.entry
    return _read_all(payload, options, lambda row, document, _: read(row, document, payload))


def read_reference(payload: Payload, options: Options) -> Reference:
    """What a data set of places says of them.

    Raises:
        ValueError: nothing in it can be read.
    """
    return reference_of(read_entries(payload, options))


def _read_all(payload: Payload, options: Options, read: Callable[[Any, Any, Alone], T]) -> Iterator[T | Rejected]:
    try:
        document = json_document(payload)
        rows, name = _rows(document)
    except ReadError as e:
        yield e.of(payload)
        return
    source = document_of(document, name, options.json_reader)
    yield from each(rows, lambda row, alone: read(row, document, alone), lambda i: f"{name}[{i}]", source)


def _rows(document: Any) -> tuple[list[Any], str]:
    if type(document) is list:
        return document, ""
    if type(document) is not dict:
        raise ReadError(Reason.MALFORMED, f"{shown(document)} is neither an answer nor an export")
    results = document.get("results")
    if type(results) is list:
        return results, "results"
    if "error_code" in document:
        raise ReadError(Reason.MALFORMED, f"the portal answers {shown(document['error_code'])}")
    if "records" in document:
        raise ReadError(Reason.UNSUPPORTED, "an answer of an older interface; use /api/explore/v2.1")
    raise ReadError(Reason.UNSUPPORTED, "no list 'results' in it")
