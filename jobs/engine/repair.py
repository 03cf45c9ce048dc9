"""Windows that were closed when an observation of theirs came, computed again from all there is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import structlog
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from jobs.engine.context import Context
from jobs.engine.late import LATE
from jobs.engine.past import Past
from jobs.engine.replay import NothingKeptError, Span, kept_span, of_past, write_repaired
from jobs.job import Job
from runtime.elastic.documents import pages
from runtime.records import RecordProducer
from schemas import contract

log = structlog.get_logger()

LONGEST = timedelta(days=30)
APART = timedelta(days=1)  # spans that are closer are read at once
TIMES = ("observed_at", "window_start", "window_end", "watermark", "detected_at")


@dataclass(frozen=True)
class Repaired:
    """What a repair came to."""

    observations: int
    windows: int
    refused: int  # documents
    left: int  # observations whose windows could not be computed again


def repair(spark: SparkSession, job: Job, context: Context, now: datetime | None = None) -> Repaired:
    """Compute a job's windows again that observations came too late for, up to 30 days back, and write them.

    What a repair writes no live batch puts back. Observations that come during a repair are left to the next one, and
    so are windows of which neither the archive nor Kafka has all any more: they stay as they are, and open.
    """
    waiting = open_late(context, job, (now or datetime.now(UTC)) - LONGEST)
    windows = sorted({instant(late["window_start"]) for late in waiting})
    done: set[datetime] = set()
    refused = 0
    past = Past.of(spark, contract(job.reads), context)
    for asked in spans(windows, job.window):
        try:
            span = kept_span(past, job, asked)
        except NothingKeptError as e:
            log.error("repair.nothing_kept", query=job.name, reason=str(e))
            continue
        touched = [w for w in windows if span.start <= w < span.end]
        results = of_past(past, job, span).transform(_only, spark, touched)
        refused += write_repaired(results, job, context).refused
        done.update(touched)
    mended = [late for late in waiting if instant(late["window_start"]) in done]
    if mended:
        RecordProducer(context.endpoints, contract(LATE)).send(_repaired(mended, datetime.now(UTC)))
        log.info("repaired", query=job.name, observations=len(mended), windows=len(done), refused=refused)
    return Repaired(len(mended), len(done), refused, left=len(waiting) - len(mended))


def open_late(context: Context, job: Job, since: datetime) -> list[Mapping[str, Any]]:
    """The job's late observations whose windows begin at or after a time and were not computed again yet."""
    query = {
        "bool": {
            "filter": [{"term": {"job": job.name}}, {"range": {"window_start": {"gte": since.isoformat()}}}],
            "must_not": [{"exists": {"field": "repaired_at"}}],
        }
    }
    return [hit["_source"] for page in pages(context.es, contract(LATE).alias, query) for hit in page]


def spans(windows: Sequence[datetime], length: timedelta) -> Iterator[Span]:
    """Spans that cover the windows (starts, sorted), with gaps of less than a day in them."""
    if not windows:
        return
    first = last = windows[0]
    for start in windows[1:]:
        if start - last > APART:
            yield Span(first, last + length)
            first = start
        last = start
    yield Span(first, last + length)


def instant(text: str) -> datetime:
    """A time of a document."""
    return datetime.fromisoformat(text)


def _only(results: DataFrame, spark: SparkSession, windows: Sequence[datetime]) -> DataFrame:
    """The results of some windows."""
    starts = pa.array(windows, pa.timestamp("us", tz="UTC"))  # as Arrow: rows of tuples pass through a Python worker
    wanted = spark.createDataFrame(pa.table({"window_start": starts}))
    return results.join(F.broadcast(wanted), "window_start", "left_semi")


def _repaired(waiting: Iterable[Mapping[str, Any]], at: datetime) -> Iterator[dict[str, Any]]:
    for late in waiting:
        times = {name: instant(late[name]) for name in TIMES}
        yield {**late, **times, "repaired_at": at, "updated_at": at}
