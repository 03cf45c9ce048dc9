"""Keeps queries running: one that fails is started again, one that keeps failing ends the driver with its reason."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import structlog
from pyspark.errors import StreamingQueryException
from pyspark.sql.streaming.query import StreamingQuery

from jobs.engine.streams import Query

log = structlog.get_logger()

POLL_SECONDS = 0.5
MAX_FAILURES = 5
# after this long without a failure, a query's earlier ones are forgotten
FORGET_POLLS = 600
READY = nullcontext()


class QueryFailedError(RuntimeError):
    """A query failed again and again; carries the last reason."""


@dataclass
class _Running:
    query: Query
    handle: StreamingQuery
    failures: int = 0
    polls: int = 0


def keep_running(
    queries: Sequence[Query], stop: threading.Event, ready: AbstractContextManager[object] = READY
) -> None:
    """Run the queries until ``stop`` is set; ``ready`` is entered once all have started.

    Raises:
        QueryFailedError: one failed five times in a row.
    """
    running = [_Running(q, q.start(False)) for q in queries]
    try:
        with ready:
            while not stop.wait(POLL_SECONDS):
                for one in running:
                    _look_after(one)
    finally:
        for one in running:
            one.handle.stop()


def drain(queries: Sequence[Query]) -> None:
    """Run the queries over all that Kafka holds now, and return.

    Raises:
        pyspark.errors.StreamingQueryException: one failed five times in a row.
    """
    for one in [_Running(q, q.start(True)) for q in queries]:
        while not _has_ended(one):
            one.handle = one.query.start(True)


def _has_ended(one: _Running) -> bool:
    """Whether it has worked off all; False when it has to be started again.

    Spark's Kafka source fails after it has repeated the batch of a killed driver, when nothing new is there (4.1.1:
    it has no latest offsets to compare with). The batch is committed by then, so the next start ends well.
    """
    try:
        one.handle.awaitTermination()
    except StreamingQueryException as e:
        one.failures += 1
        if one.failures >= MAX_FAILURES:
            raise
        log.warning("query.restarted", query=one.query.name, failures=one.failures, reason=str(e)[:500])
        return False
    return True


def _look_after(one: _Running) -> None:
    if one.handle.isActive:
        one.polls += 1
        if one.polls > FORGET_POLLS:
            one.failures = 0
        return
    reason = _reason(one.handle)
    one.failures += 1
    one.polls = 0
    if one.failures >= MAX_FAILURES:
        raise QueryFailedError(f"{one.query.name} failed {one.failures} times, at last with: {reason}")
    log.error("query.restarted", query=one.query.name, failures=one.failures, reason=reason)
    one.handle = one.query.start(False)


def _reason(handle: StreamingQuery) -> str:
    error = handle.exception()
    return str(error).split("\n\n", 1)[0][:2000] if error else "stopped without a reason"
