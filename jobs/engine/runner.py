"""Keeps queries running: what may pass is waited for, with ever longer pauses; what cannot pass is said and left.

One query never takes the others down with it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass

import structlog
from py4j.protocol import Py4JNetworkError
from pyspark.errors import StreamingQueryException
from pyspark.sql.streaming.query import StreamingQuery

from jobs.engine.failures import Failure, Kind, failure, signature
from jobs.engine.places import newest_batch
from jobs.engine.refusal import Reason, RefusedError
from jobs.engine.streams import Query
from runtime import metrics

log = structlog.get_logger()

POLL_SECONDS = 0.5
FIRST_PAUSE_SECONDS = 1.0
MAX_PAUSE_SECONDS = 60.0
# the same failure of the same batch this often is no accident; it is tried seldom from then on, since it costs
STUCK_FAILURES = 5
STUCK_PAUSE_SECONDS = 600.0
# a query that has worked this long after a failure is well again
WELL_SECONDS = 30.0
MAX_DRAIN_FAILURES = 5
READY = nullcontext()


@dataclass
class _Running:
    """A query, and what became of it."""

    query: Query
    handle: StreamingQuery | None = None
    refused: RefusedError | None = None
    failures: int = 0
    last: tuple[str, int] = ("", -1)  # the last failure and its batch
    same: int = 0  # failures in a row that were the same
    damages: int = 0  # failures in a row that told of a damaged checkpoint
    paused: Kind | None = None
    due: float = 0.0  # when it is started next, or was started last (monotonic)


def keep_running(
    queries: Sequence[Query],
    stop: threading.Event,
    ready: AbstractContextManager[object] = READY,
    *,
    all_wanted: bool = False,
    watch: Callable[[], None] = lambda: None,
) -> None:
    """Run the queries until ``stop`` is set; ``ready`` is entered once each has been started or refused.

    ``watch`` is called twice a second.

    Raises:
        RefusedError: every query is refused; with ``all_wanted``, one of them is from the beginning.
        jobs.engine.checkpoint.BusyError: another process runs one of them.
    """
    running = [_Running(q) for q in queries]
    with _held(queries):
        try:
            for one in running:
                _start(one)
                if all_wanted and one.refused:
                    raise one.refused
            with ready:
                while not stop.wait(POLL_SECONDS):
                    watch()
                    for one in running:
                        _look_after(one, stop)
                    if running and all(one.refused for one in running):
                        raise next(one.refused for one in running if one.refused)
        finally:
            _stop([one.handle for one in running if one.handle is not None])


def _stop(handles: Sequence[StreamingQuery]) -> None:
    """Stop all at once: each waits until Spark has given up its batch, which may itself be waiting for a server."""
    with ThreadPoolExecutor(max(1, len(handles))) as pool:
        for stopped in [pool.submit(handle.stop) for handle in handles]:
            stopped.result()


def drain(queries: Sequence[Query]) -> None:
    """Run the queries over all that Kafka holds now, and return.

    Raises:
        RefusedError: a query must not go on from its checkpoint; the others have been worked off.
        pyspark.errors.StreamingQueryException: one failed five times in a row.
    """
    with _held(queries):
        running = [_Running(q) for q in queries]
        for one in running:
            _start_draining(one)
        for one in running:
            while one.handle is not None and not _has_ended(one, one.handle):
                if one.refused is None:
                    _start_draining(one)
    for one in running:
        if one.refused:
            raise one.refused


@contextmanager
def _held(queries: Sequence[Query]) -> Iterator[None]:
    with ExitStack() as stack:
        for query in queries:
            stack.enter_context(query.checkpoint.held())
        yield


def _start_draining(one: _Running) -> None:
    one.handle = None
    try:
        one.handle = one.query.start(True)
    except RefusedError as e:
        _refuse(one, e)


def _has_ended(one: _Running, handle: StreamingQuery) -> bool:
    """Whether it has worked off all; False when it has to be started again.

    Spark's Kafka source fails after it has repeated the batch of a killed driver, when nothing new is there (4.1.1:
    it has no latest offsets to compare with). The batch is committed by then, so the next start ends well.
    """
    try:
        handle.awaitTermination()
    except StreamingQueryException as e:
        one.failures += 1
        found = failure(str(e))
        if _is_damage(one, found):
            return False
        if one.failures >= MAX_DRAIN_FAILURES:
            raise
        log.warning("query.restarted", query=one.query.name, failures=one.failures, reason=found.text)
        return False
    return True


def _look_after(one: _Running, stop: threading.Event) -> None:
    if one.refused or stop.is_set():
        return
    if one.handle is None:
        if time.monotonic() >= one.due:
            _start(one)
    elif one.handle.isActive:
        if one.failures and _works(one, one.handle):
            _well(one)
    else:
        error = one.handle.exception()
        one.handle = None
        _failed(one, str(error) if error else "stopped without a reason")


def _works(one: _Running, handle: StreamingQuery) -> bool:
    """Whether a batch has gone through since the last start, or there is nothing to do."""
    waits = time.monotonic() - one.due > WELL_SECONDS and not handle.status["isTriggerActive"]
    return waits or handle.lastProgress is not None


def _start(one: _Running) -> None:
    one.due = time.monotonic()
    try:
        one.handle = one.query.start(False)
    except RefusedError as e:
        _refuse(one, e)
    except Py4JNetworkError:
        raise  # Spark itself is gone
    except Exception as e:  # noqa: BLE001 -- whatever is away now may be back in a minute
        _failed(one, f"{type(e).__module__}.{type(e).__name__}: {e}", in_batch=False)


def _refuse(one: _Running, refused: RefusedError) -> None:
    one.refused, one.handle = refused, None
    _show_pause(one, None)
    metrics.QUERY_REFUSED.labels(query=one.query.name, reason=refused.reason.value).set(1)
    log.error("query.refused", query=one.query.name, reason=refused.why, command=refused.command)


def _failed(one: _Running, text: str, *, in_batch: bool = True) -> None:
    found = failure(text)
    one.failures += 1
    now = (signature(text), newest_batch(one.query.checkpoint.folder))
    one.same = one.same + 1 if now == one.last else 1
    one.last = now
    if _is_damage(one, found):
        return
    is_stuck = in_batch and found.kind is Kind.FAILURE and one.same >= STUCK_FAILURES
    kind, longest = (Kind.STUCK, STUCK_PAUSE_SECONDS) if is_stuck else (found.kind, MAX_PAUSE_SECONDS)
    pause = min(FIRST_PAUSE_SECONDS * 2.0 ** min(one.failures - 1, 20), longest)
    one.due = time.monotonic() + pause
    metrics.QUERY_FAILURES.labels(query=one.query.name, reason=kind.value).inc()
    told = {"query": one.query.name, "failures": one.failures, "pause_seconds": pause, "reason": found.text}
    if kind is one.paused:
        log.warning("query.still_paused", waits_for=kind.value, **told)
    else:
        log.error("query.paused", waits_for=kind.value, **told)
    _show_pause(one, kind)


def _is_damage(one: _Running, found: Failure) -> bool:
    """Whether the checkpoint is damaged or does not fit; seen twice, since a disk may fail for a moment."""
    one.damages = one.damages + 1 if found.damage else 0
    if found.damage is None or one.damages < 2:
        return False
    what = "its checkpoint is damaged" if found.damage is Reason.DAMAGED else "its checkpoint does not fit the job"
    _refuse(one, RefusedError(one.query.name, found.damage, f"{what}: {found.text}"))
    return True


def _well(one: _Running) -> None:
    log.info("query.resumed", query=one.query.name, failures=one.failures)
    one.failures = one.same = 0
    one.last = ("", -1)
    _show_pause(one, None)


def _show_pause(one: _Running, kind: Kind | None) -> None:
    if one.paused is not None:
        metrics.QUERY_PAUSED.remove(one.query.name, one.paused.value)
    one.paused = kind
    if kind is not None:
        metrics.QUERY_PAUSED.labels(query=one.query.name, reason=kind.value).set(1)
