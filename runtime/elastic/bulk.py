"""Bulk writing that loses nothing: every item is looked at, and what Elasticsearch cannot take now is sent again.

A 409 says that a newer version is there, which is success. A 429 or a 5xx is sent again, with backoff, for as long
as it takes; so is what a blocked index did not take, but only for a minute. Anything else is the document's own fault:
it comes back as `Refused`. Where one document makes Elasticsearch refuse the whole request (an id of more than 512
bytes, a version below 0), the others are written.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import orjson
import structlog
from elasticsearch import ApiError, Elasticsearch, TransportError

from runtime import metrics

log = structlog.get_logger()

MAX_DOCUMENTS = 5000
MAX_BYTES = 8 * 1024 * 1024
FIRST_PAUSE_SECONDS = 0.2
MAX_PAUSE_SECONDS = 15.0
BREAKER_MINIMUM = 50
CONFLICT = 409
AGAIN = {408, 429, 500, 502, 503, 504}
BLAMED = {400, 413}  # of a whole request: one of its documents cannot even be asked for, or all are too much
# Not the document's fault: the disk is nearly full, somebody closed the index or locked it, or a role is missing.
BLOCK = re.compile("cluster_block_exception|index_closed_exception|security_exception")
BLOCKED_PATIENCE_SECONDS = 60.0
FILTER = "errors,items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason"


@dataclass(frozen=True, slots=True)
class Action:
    """One document to be written, under a version that decides whether it is newer than what is there."""

    index: str
    id: str
    version: int
    source: bytes
    version_type: str = "external_gte"

    def lines(self) -> bytes:
        """The two lines of the bulk request."""
        head = {"_index": self.index, "_id": self.id, "version": self.version, "version_type": self.version_type}
        return orjson.dumps({"index": head}) + b"\n" + self.source + b"\n"


@dataclass(frozen=True, slots=True)
class Refused:
    """A document that Elasticsearch will never take, and why."""

    action: Action
    reason: str


@dataclass(slots=True)
class Outcome:
    """What became of the documents."""

    written: int = 0
    unchanged: int = 0
    refused: list[Refused] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        """Take in the outcome of another request."""
        self.written += other.written
        self.unchanged += other.unchanged
        self.refused += other.refused


class _NotNowError(RuntimeError):
    """Elasticsearch cannot take a request now."""


class _RequestRefusedError(RuntimeError):
    """Elasticsearch refused a request before it looked at its documents."""


class BrokenSinkError(RuntimeError):
    """Most of a batch was refused: the mapping is wrong and not the documents."""


class BlockedSinkError(RuntimeError):
    """An index has taken no writes for a minute: others need not wait for it any longer."""


Waiting = Callable[[str | None], None]  # is told why a request waits, and None when it is over
Pause = Callable[[float, str], None]


def untold(_: str | None) -> None:
    """Nobody is told of waiting."""


def write(
    es: Elasticsearch,
    actions: Iterable[Action],
    sleep: Callable[[float], None] = time.sleep,
    *,
    visible: bool = False,
    waiting: Waiting = untold,
    breaker_minimum: int = BREAKER_MINIMUM,
) -> Outcome:
    """Write all the documents, request by request, and wait as long as Elasticsearch needs.

    With ``visible`` a search finds them when this returns, and not only after the index's next refresh.

    Raises:
        BlockedSinkError: an index takes no writes.
        BrokenSinkError: at least ``breaker_minimum`` documents were refused, and more than half of all.
        elasticsearch.AuthenticationException: the login is wrong; waiting would not help.
    """
    outcome = Outcome()

    def pause(seconds: float, reason: str) -> None:
        waiting(reason)
        sleep(seconds)

    try:
        for request in _requests(actions):
            outcome.add(_write_parted(es, request, pause, visible))
            waiting(None)
            if len(outcome.refused) > MAX_DOCUMENTS:  # all of them are in memory
                _break_when_most_are_refused(outcome, breaker_minimum)
    finally:
        waiting(None)
    _break_when_most_are_refused(outcome, breaker_minimum)
    return outcome


def _break_when_most_are_refused(outcome: Outcome, breaker_minimum: int) -> None:
    refused = len(outcome.refused)
    total = outcome.written + outcome.unchanged + refused
    if refused >= breaker_minimum and refused * 2 > total:
        raise BrokenSinkError(f"{refused} of {total} documents refused, the first: {outcome.refused[0].reason}")


def _requests(actions: Iterable[Action]) -> Iterator[list[tuple[Action, bytes]]]:
    """Requests of at most 5,000 documents and about 8 MB."""
    rest = iter(actions)
    while chunk := [(a, a.lines()) for a in islice(rest, MAX_DOCUMENTS)]:
        start, size = 0, 0
        for i, (_, lines) in enumerate(chunk):
            if size and size + len(lines) > MAX_BYTES:
                yield chunk[start:i]
                start, size = i, 0
            size += len(lines)
        yield chunk[start:]


def _write_parted(es: Elasticsearch, request: list[tuple[Action, bytes]], pause: Pause, visible: bool) -> Outcome:
    """Write a request; one that is refused as a whole is halved until the document is found that is to blame."""
    try:
        return _write_request(es, request, pause, visible)
    except _RequestRefusedError as e:
        if len(request) == 1:
            return Outcome(refused=[Refused(request[0][0], str(e))])
    half = len(request) // 2
    outcome = _write_parted(es, request[:half], pause, visible)
    outcome.add(_write_parted(es, request[half:], pause, visible))
    return outcome


def _write_request(es: Elasticsearch, request: list[tuple[Action, bytes]], pause: Pause, visible: bool) -> Outcome:
    outcome = Outcome()
    blocked_seconds = 0.0
    for seconds in _pauses():
        try:
            request, reason = _judge(request, _send(es, request, visible), outcome)
        except _NotNowError as e:
            reason = str(e)
        if not request:
            break
        blocked_seconds = blocked_seconds + seconds if BLOCK.search(reason) else 0.0
        if blocked_seconds > BLOCKED_PATIENCE_SECONDS:
            raise BlockedSinkError(f"{len(request)} documents not taken: {reason}")
        log.warning("elasticsearch.again", documents=len(request), pause_seconds=round(seconds, 1), reason=reason)
        pause(seconds, reason)
    return outcome


def _send(es: Elasticsearch, request: list[tuple[Action, bytes]], visible: bool) -> Sequence[dict[str, object]]:
    """The answer's items.

    Raises:
        _NotNowError: the whole request has to be sent again.
        _RequestRefusedError: one of its documents is to blame, or all are too much.
    """
    try:
        body: Any = b"".join(lines for _, lines in request)
        answer = es.bulk(operations=body, filter_path=FILTER, refresh=visible)
    except TransportError as e:
        metrics.SINK_RETRIES.labels(status=type(e).__name__).inc()
        raise _NotNowError(f"{type(e).__name__}: {e.message}") from e
    except ApiError as e:
        if e.meta.status in BLAMED and not BLOCK.search(str(e)):
            raise _RequestRefusedError(str(e)) from e
        if e.meta.status not in AGAIN and not BLOCK.search(str(e)):
            raise
        metrics.SINK_RETRIES.labels(status=str(e.meta.status)).inc()
        raise _NotNowError(str(e)) from e
    if not answer["errors"]:
        return [{"status": 200}] * len(request)
    return [item["index"] for item in answer["items"]]


def _judge(
    request: list[tuple[Action, bytes]], items: Sequence[dict[str, object]], outcome: Outcome
) -> tuple[list[tuple[Action, bytes]], str]:
    """Count what is settled; what is left has to be sent again, and why."""
    again, reason = [], ""
    for entry, item in zip(request, items, strict=True):
        status = int(str(item["status"]))
        if status < 300:
            outcome.written += 1
        elif status == CONFLICT:
            outcome.unchanged += 1
        elif status in AGAIN or BLOCK.search(_reason(item)):
            metrics.SINK_RETRIES.labels(status=str(status)).inc()
            again.append(entry)
            reason = _reason(item)
        else:
            outcome.refused.append(Refused(entry[0], _reason(item)))
    return again, reason


def _reason(item: dict[str, object]) -> str:
    error = item.get("error")
    if not isinstance(error, dict):
        return f"status {item['status']}"
    cause = error.get("caused_by", {}).get("reason")
    return f"{error.get('type')}: {error.get('reason')}" + (f" ({cause})" if cause else "")


def _pauses() -> Iterator[float]:
    """Ever longer pauses, with jitter so that workers do not come back together."""
    ceiling = FIRST_PAUSE_SECONDS
    while True:
        yield random.uniform(ceiling / 2, ceiling)  # noqa: S311
        ceiling = min(ceiling * 2, MAX_PAUSE_SECONDS)
