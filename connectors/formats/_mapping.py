"""Declared mapping: which value of a feed's record is which field of the contract, compiled once and run per record.

`Mapped` says what may be declared; a unit or a field that is not there is an error when the feed is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import cached_property, partial
from typing import Annotated, Any, TypeVar

import orjson
from pydantic import Field as ModelField
from pydantic import model_validator

from connectors.formats._errors import ReadError, shown
from connectors.formats._keys import EntityId, ObservedAt
from connectors.formats._paths import Getter, Resolve, first_of, holding, json_getter, merged
from connectors.formats._places import Location, place_reader
from connectors.formats._values import SECONDS_BEFORE, AsPath, Convert, Value, constant, converter
from connectors.model import Alone, FormatOptions, Payload, Reason, Record, Reference, Rejected
from schemas import Contract, Field, contract

#: Fields the platform sets, or that have their own place in the declaration.
RESERVED = frozenset({"tenant", "entity_id", "observed_at", "ingested_at", "feed", "flags", "location"})

#: An entity and what a reference says of it.
Entry = tuple[str, dict[str, Any]]

T = TypeVar("T")


class Mapped(FormatOptions):
    """Options of every format with a declared mapping."""

    event: str
    entity_id: Annotated[EntityId, AsPath]
    observed_at: Annotated[ObservedAt, AsPath] | None = None  # a reference has none
    fields: dict[str, Annotated[Value, AsPath]] = ModelField(default_factory=dict)
    location: Location | None = None
    constants: dict[str, Any] = ModelField(default_factory=dict)

    def all_fields(self) -> Mapping[str, Value]:
        """The declared fields; formats may know more."""
        return self.fields

    @cached_property
    def json_reader(self) -> Reader:
        """The mapping as a reader of JSON objects."""
        return Reader(self, json_getter, dict)

    def check(self) -> None:
        """The mapping compiled once, for its errors.

        Raises:
            ValueError: it cannot be.
        """
        _ = self.json_reader

    @model_validator(mode="after")
    def _loads(self) -> Mapped:
        self.check()
        return self


class Reader:
    """A mapping, compiled. Its methods raise `ReadError` for a row that cannot be read."""

    def __init__(self, options: Mapped, resolve: Resolve, row_type: type) -> None:
        described = _contract(options.event)
        self.event = options.event
        paths: list[str] = []

        def noted(path: str) -> Getter:
            paths.append(path)
            return resolve(path)

        self._row_type = row_type
        self._entity = options.entity_id.getter(noted)
        self._time = options.observed_at.getter(noted) if options.observed_at else None
        self._place = place_reader(options.location, noted) if options.location else None
        self._constants = {n: constant(_field(described, n), v) for n, v in options.constants.items()}
        fields = options.all_fields()
        self._fields = [_compiled(_field(described, n), v, noted) for n, v in fields.items()]
        self._before = tuple(n for n, v in fields.items() if v.format == SECONDS_BEFORE)
        if self._before and not self._time:
            raise ValueError(f"{self._before[0]}: {SECONDS_BEFORE} needs observed_at")
        self.document_paths: Sequence[str] = [p for p in paths if p.startswith("$.")]

    def record(
        self, row: Any, document: Any, payload: Payload, reference: Reference, alone: Alone | None = None
    ) -> Record:
        """The observation a row holds, with what the reference knows of its entity."""
        entity_id, values = self.entry(row, document, payload)
        if self._time is None:
            raise ReadError(Reason.MISSING_FIELD, "observed_at: the feed's format does not declare it")
        observed_at = self._time(row, document)
        for name in self._before:
            if name in values:
                try:
                    values[name] = observed_at - timedelta(seconds=values[name])
                except OverflowError as e:
                    raise ReadError(Reason.OUT_OF_RANGE, f"{name}: {values[name]} s before is no time") from e
        known = reference.get(entity_id)
        return Record(self.event, entity_id, observed_at, {**known, **values} if known else values, alone)

    def entry(self, row: Any, document: Any, payload: Payload) -> Entry:
        """A row's entity and the values known of it; unknown ones are left out."""
        if type(row) is not self._row_type:
            raise ReadError(Reason.WRONG_TYPE, f"{shown(row)} is not a record")
        entity_id = self._entity(row, document, payload)
        values = dict(self._constants)
        name, raw = "location", None
        try:
            if self._place is not None and (place := self._place(row, document)) is not None:
                values["location"] = place
            for name, get, convert, default, needed in self._fields:
                raw = get(row, document)
                value = default if raw is None else convert(raw)
                if value is not None:
                    values[name] = value
                elif default is not None:
                    values[name] = default
                elif needed and name not in values:
                    raise ReadError(Reason.MISSING_FIELD, "is required and not there")
        except ReadError as e:
            raise e.at(name) from e
        except (ValueError, TypeError, ArithmeticError) as e:
            raise ReadError(Reason.WRONG_TYPE, f"{name}: {shown(raw)}: {e}") from e
        return entity_id, values


def each(
    rows: Iterable[Any], read: Callable[[Any, Alone], T], where: Callable[[int], str], source: Callable[[Any], bytes]
) -> Iterator[T | Rejected]:
    """Each row read; one that cannot be is a `Rejected` with its place and the payload that holds it alone."""
    for index, row in enumerate(rows):
        alone = partial(source, row)
        try:
            yield read(row, alone)
        except ReadError as e:
            yield Rejected(e.reason, e.detail, where(index), alone())


def document_of(document: Any, path: str, reader: Reader) -> Callable[[Any], bytes]:
    """How a row of a document's list becomes a JSON document of its own, with what else the mapping looks at."""
    if not path:
        return orjson.dumps if type(document) is not list else lambda row: orjson.dumps([row])

    def alone(row: Any) -> bytes:
        made = holding(path, document, [row])
        for other in reader.document_paths:
            value = json_getter(other)(document, document)
            if value is not None:
                made = merged(made, holding(other, document, value))
        return orjson.dumps(made)

    return alone


def _contract(event: str) -> Contract:
    try:
        return contract(event)
    except KeyError as e:
        raise ValueError(e.args[0]) from e


def _field(described: Contract, name: str) -> Field:
    field = next((f for f in described.fields if f.name == name), None)
    if field is None or name in RESERVED:
        known = ", ".join(n for n in described.field_names if n not in RESERVED)
        raise ValueError(f"{described.name} has no field {name!r} to map; there are {known}")
    return field


def _compiled(field: Field, value: Value, resolve: Resolve) -> tuple[str, Getter, Convert, Any, bool]:
    try:
        get = first_of([resolve(p) for p in value.source])
        return field.name, get, converter(field, value), constant(field, value.default), not field.is_optional
    except ValueError as e:
        raise ValueError(f"{field.name}: {e}") from e
