"""The jobs as they run live, on a thread of the test: kept running, with figures of every second."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from pyspark.sql import SparkSession

from jobs.engine.context import Context
from jobs.engine.runner import keep_running
from jobs.engine.streams import job_query, observations_query
from jobs.job import Job

FRESHNESS = timedelta(seconds=1)
LIMIT_SECONDS = 120


@contextmanager
def living(spark: SparkSession, context: Context, jobs: Sequence[Job] = ()) -> Iterator[None]:
    """The observations and jobs, running until the end of the block."""
    quick = [replace(job, freshness=FRESHNESS) for job in jobs]
    queries = [observations_query(spark, context), *(job_query(spark, job, context) for job in quick)]
    stop, ready, failure = threading.Event(), threading.Event(), list[BaseException]()

    @contextmanager
    def started() -> Iterator[None]:
        ready.set()
        yield

    def run() -> None:
        try:
            keep_running(queries, stop, started())
        except BaseException as e:  # noqa: BLE001 -- raised below, in the test's thread
            failure.append(e)
            ready.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        assert ready.wait(LIMIT_SECONDS)
        yield
    finally:
        stop.set()
        thread.join(LIMIT_SECONDS)
        assert not thread.is_alive()
    if failure:
        raise failure[0]
