"""What Spark says of a query's batches, as metrics."""

from __future__ import annotations

from datetime import datetime

from pyspark.sql.streaming.listener import (
    QueryIdleEvent,
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
    StreamingQueryListener,
    StreamingQueryProgress,
)

from runtime import metrics


class ProgressListener(StreamingQueryListener):
    """Turns each batch's progress into metrics."""

    def onQueryStarted(self, event: QueryStartedEvent) -> None:  # noqa: N802, D102
        pass

    def onQueryIdle(self, event: QueryIdleEvent) -> None:  # noqa: N802, D102
        pass

    def onQueryTerminated(self, event: QueryTerminatedEvent) -> None:  # noqa: N802, D102
        pass

    def onQueryProgress(self, event: QueryProgressEvent) -> None:  # noqa: N802, D102
        record(event.progress)


def record(progress: StreamingQueryProgress) -> None:
    """Count a batch: rows, duration, lag, watermark, rows that came too late."""
    query = progress.name
    if query is None:
        return
    metrics.QUERY_ROWS.labels(query=query).inc(progress.numInputRows)
    metrics.QUERY_BATCH_SECONDS.labels(query=query).observe(progress.batchDuration / 1000)
    lag = sum(int(s.metrics.get("maxOffsetsBehindLatest", 0) or 0) for s in progress.sources)
    behind = sum(_behind(s.metrics) for s in progress.sources)
    metrics.QUERY_LAG_RECORDS.labels(query=query).set(max(lag, behind))
    late = sum(o.numRowsDroppedByWatermark for o in progress.stateOperators)
    metrics.QUERY_LATE_ROWS.labels(query=query).inc(late)
    if watermark := progress.eventTime.get("watermark"):
        metrics.QUERY_WATERMARK.labels(query=query).set(datetime.fromisoformat(watermark).timestamp())


def _behind(source: dict[str, str]) -> int:
    """Records behind, over all partitions: their number times the average."""
    return round(float(source.get("avgOffsetsBehindLatest", 0) or 0))
