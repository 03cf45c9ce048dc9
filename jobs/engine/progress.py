"""What Spark says of a query's batches, as metrics."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pyspark import SparkContext
from pyspark.sql.streaming.listener import (
    QueryIdleEvent,
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
    StreamingQueryListener,
)

from runtime import metrics

#: Told of each batch: the query, the batch's number, and how many rows the watermark dropped (after a partial
#: aggregation: none is none, some may be more).
OnBatch = Callable[[str, int, int], None]


class ProgressListener(StreamingQueryListener):
    """Turns each batch's progress into metrics, and tells who wants to know.

    PySpark's own way to a listener asks the JVM for each field of it, which was 8 % of a driver with a dozen queries;
    this one takes the progress as the JSON that Spark makes of it.
    """

    def __init__(self, on_batch: OnBatch) -> None:
        self._on_batch = on_batch

    @property
    def _jlistener(self) -> Any:
        jvm: Any = SparkContext._jvm
        return jvm.PythonStreamingQueryListenerWrapper(_FromJson(self._on_batch))

    def onQueryStarted(self, event: QueryStartedEvent) -> None:  # noqa: N802, D102
        pass

    def onQueryProgress(self, event: QueryProgressEvent) -> None:  # noqa: N802, D102
        pass

    def onQueryIdle(self, event: QueryIdleEvent) -> None:  # noqa: N802, D102
        pass

    def onQueryTerminated(self, event: QueryTerminatedEvent) -> None:  # noqa: N802, D102
        pass


class _FromJson:
    """What Java calls."""

    def __init__(self, on_batch: OnBatch) -> None:
        self._on_batch = on_batch

    def onQueryStarted(self, event: Any) -> None:  # noqa: N802
        pass

    def onQueryProgress(self, event: Any) -> None:  # noqa: N802
        progress = json.loads(event.progress().json())
        if progress.get("name") is not None:
            record(progress)
            self._on_batch(progress["name"], progress["batchId"], dropped(progress))

    def onQueryIdle(self, event: Any) -> None:  # noqa: N802
        pass

    def onQueryTerminated(self, event: Any) -> None:  # noqa: N802
        pass

    class Java:
        implements = ("org.apache.spark.sql.streaming.PythonStreamingQueryListener",)


def record(progress: Mapping[str, Any]) -> None:
    """Count a batch of a named query, from Spark's JSON of its progress: rows, duration, lag, watermark."""
    query = progress["name"]
    metrics.QUERY_ROWS.labels(query=query).inc(progress["numInputRows"])
    metrics.QUERY_BATCH_SECONDS.labels(query=query).observe(progress["batchDuration"] / 1000)
    for source in progress["sources"]:
        for (topic, partition), records in lag(source).items():
            metrics.QUERY_LAG_RECORDS.labels(query=query, topic=topic, partition=partition).set(records)
    if watermark := progress.get("eventTime", {}).get("watermark"):
        metrics.QUERY_WATERMARK.labels(query=query).set(datetime.fromisoformat(watermark).timestamp())


def dropped(progress: Mapping[str, Any]) -> int:
    """Rows that the watermark dropped in a batch, counted after a partial aggregation."""
    return sum(o["numRowsDroppedByWatermark"] for o in progress["stateOperators"])


def lag(source: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    """Offsets by topic and partition between a batch's end and what Kafka held when the batch was planned."""
    ends: Mapping[str, Mapping[str, int]] = source.get("endOffset") or {}
    latest: Mapping[str, Mapping[str, int]] = source.get("latestOffset") or {}
    return {
        (topic, partition): max(0, latest.get(topic, {}).get(partition, end) - end)
        for topic, partitions in ends.items()
        for partition, end in partitions.items()
    }
