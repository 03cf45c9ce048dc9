"""Parquet, with the types and units of the contract; a row group for each page."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from serving.exports.format import Document, Exported, Format, Pages
from serving.queries.kinds import FieldKind, is_list, kind_of

PLACE = pa.struct([("lat", pa.float64()), ("lon", pa.float64())])
TYPES = {
    FieldKind.NAME: pa.string(),
    FieldKind.TEXT: pa.string(),
    FieldKind.INTEGER: pa.int64(),
    FieldKind.DECIMAL: pa.float64(),
    FieldKind.BOOLEAN: pa.bool_(),
    FieldKind.TIME: pa.timestamp("us", tz="UTC"),
    FieldKind.PLACE: PLACE,
    FieldKind.OPAQUE: pa.string(),
}


def file(pages: Pages, columns: Sequence[Exported]) -> Iterator[bytes]:
    """The file, in parts."""
    schema = pa.schema([_column(c) for c in columns])
    sink = _Sink()
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for page in pages:
            if page:
                arrays = [pa.array([_value(c, d) for d in page], f.type) for c, f in zip(columns, schema, strict=True)]
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            yield sink.taken()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """What was written since it was last taken; positions are those in the whole file."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        self._position += len(self._parts[-1])
        return len(self._parts[-1])

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _column(column: Exported) -> pa.Field:
    if column.field is None:
        return pa.field(column.name, pa.float64())
    one = TYPES[kind_of(column.field)]
    has_many = is_list(column.field) and kind_of(column.field) is not FieldKind.OPAQUE
    kind = pa.list_(one) if has_many else one
    about = {"unit": column.field.unit, "doc": column.field.doc}
    return pa.field(column.name, kind, metadata={k: v for k, v in about.items() if v})


def _value(column: Exported, document: Document) -> Any:
    value = document.get(column.name)
    kind = kind_of(column.field) if column.field else None
    if value is None:
        return None
    if kind is FieldKind.TIME:
        return datetime.fromisoformat(value)
    if kind is FieldKind.OPAQUE and not isinstance(value, str):
        return orjson.dumps(value).decode()
    return value


FORMAT = Format("parquet", "application/vnd.apache.parquet", file)
