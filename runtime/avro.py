"""Confluent's wire format: a zero byte, the schema's number in four, then Avro."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import fastavro

from runtime import avro_as_java
from schemas import Contract

MAGIC = b"\x00"
HEADER_BYTES = 5


class NotWireFormatError(ValueError):
    """The bytes do not start as the wire format does, or end too early."""


class SchemaSource(Protocol):
    """Where a schema comes from by its number."""

    def schema(self, number: int) -> dict[str, Any]:
        """The schema with that number."""
        ...


def wire_header(number: int) -> bytes:
    """What stands before the Avro of a schema with that number."""
    return MAGIC + number.to_bytes(4, "big")


def encoder(contract: Contract, number: int) -> Callable[[Mapping[str, Any]], bytes]:
    """A function that gives the wire format of one event.

    The function raises ValueError or TypeError where a value does not fit its field.
    """
    schema = fastavro.parse_schema(contract.avro)
    header = wire_header(number)

    def encode(event: Mapping[str, Any]) -> bytes:
        out = io.BytesIO()
        out.write(header)
        fastavro.schemaless_writer(out, schema, event)
        return out.getvalue()

    return encode


@dataclass(frozen=True)
class _Writer:
    """A schema that messages were written with, the one they are wanted in if that is another, and what to look at."""

    schema: Any
    reader: Any
    ints: list[str]


class Decoder:
    """Wire format to events of a contract, whatever compatible version they were written with."""

    def __init__(self, contract: Contract, registry: SchemaSource) -> None:
        self._reader = fastavro.parse_schema(contract.avro)
        self._writers: dict[int, _Writer] = {}
        self._registry = registry

    def __call__(self, value: bytes) -> dict[str, Any]:
        """The event in a message.

        Raises:
            NotWireFormatError: the header or the body is not what it should be.
            UnknownSchemaError: no schema has the number in the header.
            OSError: the registry does not answer.
        """
        writer = self._writer(_number(value))
        event, has_rest = _read(value, writer.schema, writer.reader)
        if not isinstance(event, dict) or has_rest:
            raise NotWireFormatError("bytes are left after the event")
        try:
            avro_as_java.cut(event, writer.ints)
        except ValueError as e:
            raise NotWireFormatError(f"not Avro of the schema it names: {e}") from e
        return event

    def _writer(self, number: int) -> _Writer:
        if number not in self._writers:
            schema = fastavro.parse_schema(self._registry.schema(number))
            is_ours = schema == self._reader  # asked once: fastavro would compare them for each message
            reader = None if is_ours else avro_as_java.prepared(self._reader)
            self._writers[number] = _Writer(avro_as_java.prepared(schema), reader, avro_as_java.ints(schema))
        return self._writers[number]


class HeadDecoder:
    """The first fields of what is in a message, which take a fraction of the time of all."""

    def __init__(self, registry: SchemaSource, last: str) -> None:
        """Read up to the field `last`."""
        self._registry, self._last = registry, last
        self._heads: dict[int, Any] = {}

    def __call__(self, value: bytes) -> dict[str, Any]:
        """The fields, as their writer named them.

        Raises:
            NotWireFormatError: the header or the body is not what it should be.
            UnknownSchemaError: no schema has the number in the header.
            OSError: the registry does not answer.
        """
        fields: dict[str, Any] = _read(value, self._head(_number(value)), None)[0]
        return fields

    def _head(self, number: int) -> Any:
        if number not in self._heads:
            schema = self._registry.schema(number)
            names = [f["name"] for f in schema.get("fields", ())]
            if self._last not in names:
                raise NotWireFormatError(f"schema {number} has no field {self._last}")
            fields = schema["fields"][: names.index(self._last) + 1]
            self._heads[number] = avro_as_java.prepared({**schema, "fields": fields})
        return self._heads[number]


def _number(value: bytes) -> int:
    if len(value) < HEADER_BYTES or value[:1] != MAGIC:
        raise NotWireFormatError(f"starts with {value[:HEADER_BYTES]!r}, not with 00 and a schema number")
    return int.from_bytes(value[1:HEADER_BYTES], "big")


def _read(value: bytes, writer: Any, reader: Any) -> tuple[Any, bool]:
    """What a schema reads of a message, and whether bytes are left behind it."""
    body = io.BytesIO(value)
    body.seek(HEADER_BYTES)
    try:
        found = fastavro.schemaless_reader(body, writer, reader)
    except Exception as e:  # fastavro raises whatever the bytes lead it to
        raise NotWireFormatError(f"not Avro of the schema it names: {type(e).__name__}: {e}") from e
    return found, bool(body.read(1))
