"""Whether a query can go on from its checkpoint: the mark to go on with, or the reason why not."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import structlog
from elasticsearch import Elasticsearch
from pyspark.errors import AnalysisException

from jobs.engine.checkpoint import Checkpoint, Mark, Phase
from jobs.engine.fingerprint import difference
from jobs.engine.places import DamagedError, Place, lost_place, place_of, remove_unfinished
from jobs.engine.refusal import Reason, RefusedError
from runtime import kafka
from runtime.elastic import generations

log = structlog.get_logger()

# A broker that has just come back may for a moment not tell all that it has.
PAUSES_SECONDS = (1.0, 4.0)

Held = Mapping[str, kafka.Held]
Fingerprints = Callable[[Sequence[str] | None], dict[str, Any]]  # of a job, over events with these columns


def opened(
    checkpoint: Checkpoint, es: Elasticsearch, ask: Callable[[], Held], fingerprints: Fingerprints | None
) -> Mark:
    """The mark of the checkpoint that a query goes on from, or begins with.

    A query without state begins anew by itself when its checkpoint is gone or damaged: what it writes has keys of its
    own, so reading all again changes nothing. ``ask`` tells what Kafka has.

    Raises:
        RefusedError: it must not go on.
    """
    held = ask()
    try:
        mark = _known(checkpoint, es) or checkpoint.begin(es)
        place = _place(checkpoint, mark)
        for pause in PAUSES_SECONDS:
            if _lost(place, mark, held) is None:
                break
            time.sleep(pause)
            held = ask()
        if why := _lost(place, mark, held):
            raise RefusedError(checkpoint.query, Reason.PLACE, why)
        mark = _fitting(checkpoint, mark, fingerprints)
    except RefusedError as e:
        if not checkpoint.is_stateless or e.reason in (Reason.PLACE, Reason.UNFINISHED):
            raise
        log.warning("query.begins_anew", query=checkpoint.query, reason=e.why)
        checkpoint.set_aside(datetime.now(UTC))
        mark = checkpoint.begin(es)
    if mark.topics is None or mark.topics.keys() != held.keys():
        mark = replace(mark, topics={name: topic.topic_id for name, topic in held.items()})
    checkpoint.write(mark)
    return mark


def has_begun(checkpoint: Checkpoint) -> None:
    """Remember that a batch has been written: from now on the checkpoint is needed."""
    mark = checkpoint.mark()
    if mark is not None and mark.phase is Phase.NEW:
        checkpoint.write(replace(mark, phase=Phase.RUNNING))


def _known(checkpoint: Checkpoint, es: Elasticsearch) -> Mark | None:
    """The mark that is there; None for a query that never ran."""
    mark, known = checkpoint.mark(), generations.current(es, checkpoint.query)
    if mark is None:
        if known or _has_files(checkpoint):
            raise RefusedError(checkpoint.query, Reason.LOST, _gone(checkpoint, known))
        return None
    if mark.phase is Phase.BEGINNING:
        return None
    if mark.phase is Phase.REBUILDING:
        raise RefusedError(checkpoint.query, Reason.UNFINISHED, "its rebuild was stopped before its end")
    if mark.generation != known:
        why = f"its checkpoint is of generation {mark.generation}, and Elasticsearch knows generation {known}"
        raise RefusedError(checkpoint.query, Reason.LOST, why)
    return mark


def _has_files(checkpoint: Checkpoint) -> bool:
    return checkpoint.folder.is_dir() and any(checkpoint.folder.iterdir())


def _gone(checkpoint: Checkpoint, known: int) -> str:
    if _has_files(checkpoint):
        return "its checkpoint has lost its mark"
    return f"it has run before (generation {known}), and its checkpoint {checkpoint.folder} is gone"


def _place(checkpoint: Checkpoint, mark: Mark) -> Place | None:
    try:
        place = place_of(checkpoint.folder, has_state=not checkpoint.is_stateless)
    except DamagedError as e:
        raise RefusedError(checkpoint.query, Reason.DAMAGED, f"its checkpoint is damaged: {e}") from None
    if place is None and mark.phase is Phase.RUNNING:
        raise RefusedError(checkpoint.query, Reason.DAMAGED, "its checkpoint is damaged: Spark's files are gone")
    if place is None:
        remove_unfinished(checkpoint.folder)
    return place


def _lost(place: Place | None, mark: Mark, held: Held) -> str | None:
    """What Kafka no longer has of what would be read next; None when all is there."""
    if place is None:
        return None
    known = mark.topics or {}
    others = [name for name, topic in held.items() if known.get(name, topic.topic_id) != topic.topic_id]
    if others:
        return f"{', '.join(others)} is not the topic it read: it was deleted and made again"
    return lost_place(place, held)


def _fitting(checkpoint: Checkpoint, mark: Mark, fingerprints: Fingerprints | None) -> Mark:
    """The mark with the job's fingerprint; that of a checkpoint without a batch is the job's as it is now."""
    if fingerprints is None:
        return mark
    if mark.fingerprint is None or mark.phase is Phase.NEW:
        return replace(mark, fingerprint=fingerprints(None))
    try:
        why = difference(mark.fingerprint, fingerprints(mark.fingerprint["columns"]))
    except AnalysisException as e:
        why = f"what it reads has changed ({str(e).splitlines()[0]})"
    if why:
        raise RefusedError(checkpoint.query, Reason.CHANGED, f"the job is not the one that began its checkpoint: {why}")
    return mark
