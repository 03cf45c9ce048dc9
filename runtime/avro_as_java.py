"""Schemas prepared so that fastavro reads of any bytes what Java's Avro reads.

Spark reads the same messages in Java. What one of the two takes for an event and the other does not, or for another
event, would be an observation and in no figure, or the reverse. They differ where bytes are no encoding of a value:

- fastavro counts a negative branch of a union from the end, as Python does; Java refuses it.
- fastavro takes every byte but 0 for true; Java takes 1 alone.
- fastavro reads an `int` of any size; Java keeps the lowest 32 bits of five bytes and refuses more.

One difference is left: a branch or an `int` that is drawn out with zeros to six bytes, a `long` to eleven. fastavro
reads it, Java refuses it, and the ledger shows it as missing in the results.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import fastavro
from fastavro.read import LOGICAL_READERS

BOOLEAN = {"type": "fixed", "name": "BooleanOfJava", "size": 1, "logicalType": "boolean-of-java"}
INT_BITS = 32
LARGEST_INT = 2 ** (INT_BITS - 1) - 1
MOST_BITS = 35  # seven in each of five bytes


class Branches(list[Any]):
    """Of a union: counted back from a length that none has, a negative branch is out of range."""

    __slots__ = ()

    def __len__(self) -> int:
        return sys.maxsize


def prepared(schema: Any) -> Any:
    """A schema as fastavro parses it, to read with and not to write."""
    return _prepared(fastavro.parse_schema(schema))


def ints(schema: Any) -> list[str]:
    """Names of a record's fields that are written as `int` and read as numbers."""
    fields = schema.get("fields", ()) if isinstance(schema, dict) else ()
    return [
        f["name"]
        for f in fields
        if any(_is_int(k) for k in (f["type"] if isinstance(f["type"], list) else [f["type"]]))
    ]


def cut(event: dict[str, Any], names: Sequence[str]) -> None:
    """Make the ints of an event those that Java reads.

    Raises:
        ValueError: Java reads none.
    """
    for name in names:
        value = event.get(name)
        if value is not None and not ~LARGEST_INT <= value <= LARGEST_INT:
            event[name] = type(value)(_cut(int(value)))  # a float where the reader wants one


def _is_int(kind: Any) -> bool:
    return kind == "int" or (isinstance(kind, dict) and kind["type"] == "int" and "logicalType" not in kind)


def _cut(value: int) -> int:
    zigzag = value << 1 if value >= 0 else ~(value << 1)
    if zigzag >> MOST_BITS:
        raise ValueError(f"{value} is no int")
    low = zigzag & (1 << INT_BITS) - 1
    return low >> 1 if low % 2 == 0 else ~(low >> 1)


def _prepared(schema: Any) -> Any:
    match schema:
        case list():
            return Branches(_prepared(branch) for branch in schema)
        case "boolean" | {"type": "boolean"}:
            return BOOLEAN
        case {"type": "record"}:
            return {**schema, "fields": [{**f, "type": _prepared(f["type"])} for f in schema["fields"]]}
        case {"type": "array"}:
            return {**schema, "items": _prepared(schema["items"])}
        case {"type": "map"}:
            return {**schema, "values": _prepared(schema["values"])}
    return schema


def _is_true(data: bytes, *_: Any) -> bool:
    return data == b"\x01"


LOGICAL_READERS["fixed-boolean-of-java"] = _is_true
