"""Results into Elasticsearch: rows become documents in Spark, and the workers write them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as t

from jobs.engine.rows import struct_of
from jobs.engine.worker import Writer
from runtime.elastic.bulk import BREAKER_MINIMUM, Action, BlockedSinkError, BrokenSinkError
from runtime.endpoints import Endpoints
from schemas import Contract
from schemas.documents import ID_SEPARATOR

TIME_FORMAT = "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'"
PERIOD_FORMAT = {"month": "yyyy.MM", "year": "yyyy"}
OUTCOME = "written long, unchanged long, refused long, hindrance string, reason string"
SCHEMA = pa.schema(
    [
        *((name, pa.int64()) for name in ("written", "unchanged", "refused")),
        ("hindrance", pa.string()),
        ("reason", pa.string()),
    ]
)
HINDRANCES = {e.__name__: e for e in (BlockedSinkError, BrokenSinkError)}

ArrowFunction = Callable[[Iterable[pa.RecordBatch]], Iterable[pa.RecordBatch]]


@dataclass(frozen=True)
class Written:
    """What became of the documents of a batch."""

    written: int
    unchanged: int
    refused: int


def documents(result: DataFrame, contract: Contract) -> DataFrame:
    """Index, id and JSON source of each row of a result."""
    rows = result.select(*[_column(field) for field in struct_of(contract)])
    source = F.to_json(F.struct(*rows.columns), {"timestampFormat": TIME_FORMAT})
    return rows.select(_index(contract).alias("index"), id_column(contract).alias("id"), source.alias("source"))


def write(
    docs: DataFrame, endpoints: Endpoints, query: str, version: int, breaker_minimum: int = BREAKER_MINIMUM
) -> Written:
    """Write documents from the workers; returns when each is settled.

    Raises:
        runtime.elastic.bulk.BrokenSinkError: most were refused, and ``breaker_minimum`` at least.
        runtime.elastic.bulk.BlockedSinkError: an index takes no writes.
        pyspark.errors.PySparkException: the login is wrong; carries the reason.
    """
    return settled(docs.mapInArrow(_writing(endpoints, query, version, breaker_minimum), OUTCOME))


def settled(outcomes: DataFrame) -> Written:
    """Run the writing, and add up what each worker counted; in Spark the sum would be a stage of its own.

    Raises:
        runtime.elastic.bulk.BrokenSinkError: most were refused.
        runtime.elastic.bulk.BlockedSinkError: an index takes no writes.
    """
    rows = outcomes.collect()
    for row in rows:
        if row.hindrance is not None:
            raise HINDRANCES[row.hindrance](row.reason)
    return Written(*(sum(row[i] for row in rows) for i in range(3)))


def _writing(endpoints: Endpoints, query: str, version: int, breaker_minimum: int) -> ArrowFunction:
    def written(batches: Iterable[pa.RecordBatch]) -> Written:
        outcome = Writer(endpoints, query, breaker_minimum).write(_actions(batches, version))
        return Written(outcome.written, outcome.unchanged, len(outcome.refused))

    return told(written)


def told(written: Callable[[Iterable[pa.RecordBatch]], Written]) -> ArrowFunction:
    """A function for the workers that tells the driver, in one row, what became of a partition's documents.

    What hinders the sink as a whole is told like that too: raised in a worker, Spark would have it tried four times.
    """

    def tell(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        try:
            row = {**asdict(written(batches)), "hindrance": None, "reason": None}
        except tuple(HINDRANCES.values()) as e:
            row = {**asdict(Written(0, 0, 0)), "hindrance": type(e).__name__, "reason": str(e)}
            deque(batches, maxlen=0)  # a worker that leaves something unread is not used again
        yield pa.RecordBatch.from_pylist([row], SCHEMA)

    return tell


def _actions(batches: Iterable[pa.RecordBatch], version: int) -> Iterator[Action]:
    for batch in batches:
        columns: list[list[Any]] = [batch.column(i).to_pylist() for i in range(3)]
        for index, id_, source in zip(*columns, strict=True):
            yield Action(index, id_, version, source.encode())


def _column(field: t.StructField) -> Column:
    column = F.col(field.name).cast(field.dataType)
    if isinstance(field.dataType, t.DoubleType | t.FloatType):
        # JSON has no word for NaN: it is unknown, and unknown is null
        column = F.when(~F.isnan(column), column)
    return column.alias(field.name)


def _index(contract: Contract) -> Column:
    period = F.date_format(contract.time, PERIOD_FORMAT[contract.declaration.period])
    return F.concat(F.lit(f"{contract.alias}-"), F.col("tenant"), F.lit("-"), period)


def id_column(contract: Contract) -> Column:
    """Id of the document of a row, as `schemas.documents.document_id` makes it."""
    types = {f.name: f.logical_type for f in contract.fields}
    parts = [F.date_format(k, TIME_FORMAT) if types[k] == "timestamp-micros" else F.col(k) for k in contract.key]
    return F.concat_ws(ID_SEPARATOR, *parts)
