"""Events as rows of Spark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema

from jobs.engine.rows import struct_of
from schemas import Contract


def frame(spark: SparkSession, of: Contract, events: Iterable[Mapping[str, Any]]) -> DataFrame:
    """Events of a contract as its rows; through Arrow, since rows made of tuples pass through a Python worker."""
    columns = struct_of(of)
    return spark.createDataFrame(pa.Table.from_pylist(list(events), to_arrow_schema(columns)), columns)
