"""Messages as events, inside Spark: what `runtime.avro.Decoder` refuses is no event here either.

Otherwise a message would be a dead letter for one query and a part of another's figures.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from functools import reduce
from operator import and_
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as t
from pyspark.sql.avro.functions import from_avro

from jobs.engine.rows import struct_of
from runtime.avro import HEADER_BYTES, wire_header
from schemas import Contract
from schemas.documents import TENANT

#: Put behind each message and read as its last field: what is there instead says that the event ended elsewhere.
END = secrets.token_bytes(8)  # so that no message can have it in itself
END_FIELD = {"name": "end_of_message", "type": {"type": "fixed", "name": "EndOfMessage", "size": len(END)}}
FIRST = datetime(MINYEAR, 1, 1, tzinfo=UTC)
LAST = datetime(MAXYEAR, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)


def decoded(contract: Contract, writers: Mapping[int, Mapping[str, Any]]) -> Column:
    """The event of a message, by the schema whose number it carries; null, or of nulls, where there is none."""
    header = F.substring("value", 1, HEADER_BYTES)
    body = F.concat(F.expr(f"substring(value, {HEADER_BYTES + 1})"), F.lit(bytearray(END)))
    options = {"mode": "PERMISSIVE", "avroSchema": _with_end(contract.avro)}
    event = F.lit(None)
    for number, writer in writers.items():
        prefix = F.lit(bytearray(wire_header(number)))
        event = F.when(header == prefix, from_avro(body, _with_end(writer), options)).otherwise(event)
    return event


def is_sound(event: str, contract: Contract) -> Column:
    """Whether a column holds an event that ends with its message, of a tenant, with readable texts and times."""
    fields = struct_of(contract)
    # one look at all texts at once: without compiled code each look is a reflective call
    texts = F.concat_ws(" ", *_texts(F.col(event), fields))
    known = [
        F.col(f"{event}.{END_FIELD['name']}") == F.lit(bytearray(END)),
        F.col(f"{event}.tenant").rlike(rf"^{TENANT}\z"),
        F.is_valid_utf8(texts),
        *_times_in_range(F.col(event), fields),
    ]
    return reduce(and_, known)


def _texts(value: Column, kind: t.DataType) -> list[Column]:
    """The texts in a value, as columns of texts or of arrays of texts."""
    match kind:
        case t.StringType():
            return [value]
        case t.StructType():
            return [text for f in kind for text in _texts(value[f.name], f.dataType)]
        case t.ArrayType(elementType=t.StringType()):
            return [value]
        case t.ArrayType() if _texts(F.lit(None), kind.elementType):
            return [F.transform(value, lambda one: F.concat_ws(" ", *_texts(one, kind.elementType)))]
    return []


def _times_in_range(value: Column, kind: t.DataType) -> list[Column]:
    """For each time in a value, whether Python has it too."""
    match kind:
        case t.TimestampType():
            return [value.isNull() | value.between(F.lit(FIRST), F.lit(LAST))]
        case t.StructType():
            return [known for f in kind for known in _times_in_range(value[f.name], f.dataType)]
        case t.ArrayType() if _times_in_range(F.lit(None), kind.elementType):
            within = F.forall(value, lambda one: reduce(and_, _times_in_range(one, kind.elementType)))
            return [value.isNull() | within]
    return []


def _with_end(avro: Mapping[str, Any]) -> str:
    return json.dumps({**avro, "fields": [*avro["fields"], END_FIELD]})
