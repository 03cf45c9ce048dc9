"""Weather observations by tenant and window, through a numpy core, to documents: what the heat jobs share of Spark.

Structured Streaming in update mode allows one aggregation. So it collects a window's observations, and the core makes
all the figures of the window from all of them: a network's reference and its outliers need every station anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import to_arrow_schema

from jobs.engine.rows import struct_of
from jobs.indicators.heat_flags import flag_words
from jobs.indicators.heat_observations import (
    OBSERVATION_FIELDS,
    STATION_FIELDS,
    ZONES,
    Floats,
    Ints,
    Observations,
    observations,
    reported_flags,
)
from schemas import Contract

#: Columns of a result by name: arrays or lists of one length, NaN for unknown; or one value for all rows.
Columns = Mapping[str, Any]
#: From a window's distinct observations and its start (µs UTC) to the columns of a result, but for the tenant.
Core = Callable[[Observations, int], Columns]


def by_window(observed: DataFrame, window: Column, core: Core, result: Contract) -> DataFrame:
    """The documents that the core makes of each tenant's windows; the window must be over ``observed_at`` itself.

    Sets, not lists: the same message again adds nothing to the state.
    """
    rows = struct_of(result)
    schema = to_arrow_schema(rows)

    def documents(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for tenant, start, observed_set, described_set in zip(*batch.columns, strict=True):
                figures = core(observations(observed_set.values, described_set.values), start.as_py())
                yield record_batch({**figures, "tenant": tenant.as_py()}, schema)

    collected = observed.groupBy("tenant", window.alias("window")).agg(
        F.collect_set(F.struct(*_named(OBSERVATION_FIELDS))).alias("observed"),
        F.collect_set(F.struct(*_named(STATION_FIELDS))).alias("described"),
    )
    windows = collected.select("tenant", F.unix_micros("window.start").alias("start"), "observed", "described")
    return windows.mapInArrow(documents, rows)


def record_batch(columns: Columns, schema: pa.Schema) -> pa.RecordBatch:
    """The columns as Arrow, in the order of the schema; NaN and infinity become null.

    Raises:
        KeyError: a column of the schema is missing.
    """
    count = len(columns["entity_id"])
    return pa.RecordBatch.from_arrays([_array(columns[f.name], f.type, count) for f in schema], schema=schema)


def places(latitude: Floats, longitude: Floats) -> list[dict[str, float] | None]:
    """Places as documents carry them; None where unknown."""
    pairs = zip(latitude.tolist(), longitude.tolist(), strict=True)
    return [None if np.isnan(lat) or np.isnan(lon) else {"lat": lat, "lon": lon} for lat, lon in pairs]


def zones(codes: Ints) -> list[str | None]:
    """Local climate zones; None where unknown."""
    return [ZONES[code] if code >= 0 else None for code in codes]


def yes_or_no(codes: Ints) -> list[bool | None]:
    """Truth of 1 and 0; None where unknown."""
    return [bool(code) if code >= 0 else None for code in codes]


def words(flags: Ints, observed: Observations) -> list[list[str]]:
    """The flags of each station as sorted words, with those that its observations brought along."""
    brought = reported_flags(observed)
    return [sorted({*flag_words(int(f)), *brought.get(i, ())}) for i, f in enumerate(flags)]


def _named(fields: tuple[str, ...]) -> list[Column]:
    columns = {
        "observed_at": F.unix_micros("observed_at"),
        "ingested_at": F.unix_micros("ingested_at"),
        "lat": F.col("location.lat"),
        "lon": F.col("location.lon"),
        "flags": F.array_join(F.array_sort("flags"), ","),
    }
    return [columns.get(name, F.col(name)).alias(name) for name in fields]


def _array(values: Any, kind: pa.DataType, count: int) -> pa.Array:
    if isinstance(values, list):
        return pa.array(values, kind)
    if not isinstance(values, np.ndarray):
        return pa.repeat(values, count).cast(kind)
    if values.dtype.kind == "f":
        return pa.array(values, pa.float64(), mask=~np.isfinite(values))
    return pa.array(values).cast(kind)
