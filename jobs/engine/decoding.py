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
    tenant = F.col(f"{event}.tenant")
    known = [
        F.col(f"{event}.{END_FIELD['name']}") == F.lit(bytearray(END)),
        tenant.rlike(rf"^{TENANT}\z"),
        *(_is_readable(F.col(f"{event}.{f.name}"), f.dataType) for f in fields),
    ]
    return reduce(and_, known)


def _is_readable(value: Column, kind: t.DataType) -> Column:
    match kind:
        case t.StringType():
            readable = F.is_valid_utf8(value)
        case t.TimestampType():
            readable = value.between(F.lit(FIRST), F.lit(LAST))
        case t.ArrayType():
            readable = F.forall(value, lambda one: _is_readable(one, kind.elementType))
        case t.StructType():
            readable = reduce(and_, (_is_readable(value[f.name], f.dataType) for f in kind))
        case _:
            return F.lit(True)
    return value.isNull() | readable


def _with_end(avro: Mapping[str, Any]) -> str:
    return json.dumps({**avro, "fields": [*avro["fields"], END_FIELD]})
