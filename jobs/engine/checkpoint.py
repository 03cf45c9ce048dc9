"""A query's checkpoint: the generation it belongs to, what it was begun with, and whether it can be gone on with.

A folder of Spark's with a mark of ours. Elasticsearch remembers the generation as well, so that a folder that is gone
is not taken for a query that never ran.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from elasticsearch import Elasticsearch

from jobs.engine.refusal import Reason, RefusedError
from runtime.elastic import generations
from runtime.files import write_atomically

MARK = "garonne.json"
ASIDE = ".aside"
KEPT = 3


class Phase(StrEnum):
    """How far a checkpoint's life is."""

    BEGINNING = "beginning"  # has no generation yet
    REBUILDING = "rebuilding"  # the past is being computed
    NEW = "new"  # no batch has been written
    RUNNING = "running"


class BusyError(RuntimeError):
    """Another process works with the checkpoint."""


@dataclass(frozen=True)
class Mark:
    """What stands in a checkpoint beside Spark's own files."""

    query: str
    phase: Phase
    generation: int = 0
    fingerprint: Mapping[str, Any] | None = None  # None: that of the job which is started next
    topics: Mapping[str, str] | None = None  # Kafka's ids of the topics it reads


@dataclass(frozen=True)
class Checkpoint:
    """The folder of one query."""

    query: str
    folder: Path
    is_stateless: bool = False  # what it writes has a key of its own: reading all again changes nothing

    def mark(self) -> Mark | None:
        """The mark; None when there is none.

        Raises:
            RefusedError: it cannot be read, or is that of another query.
        """
        try:
            known = json.loads((self.folder / MARK).read_text(encoding="utf-8"))
            if known.keys() == {"query", "generation"}:  # as before fingerprints
                raise RefusedError(self.query, Reason.CHANGED, "its checkpoint does not say which job began it")
            mark = Mark(**known)
            mark = replace(mark, phase=Phase(mark.phase), generation=int(mark.generation))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, AttributeError):
            raise RefusedError(self.query, Reason.DAMAGED, f"its checkpoint's mark {MARK} cannot be read") from None
        if mark.query != self.query:
            raise RefusedError(self.query, Reason.DAMAGED, f"its checkpoint is that of {mark.query}")
        return mark

    def write(self, mark: Mark) -> None:
        """Put the mark."""
        write_atomically(self.folder / MARK, json.dumps(asdict(mark)))

    def begin(self, es: Elasticsearch, phase: Phase = Phase.NEW) -> Mark:
        """Begin the next generation in a folder that holds nothing else."""
        self.write(Mark(self.query, Phase.BEGINNING))
        mark = Mark(self.query, phase, generations.begin(es, self.query))
        self.write(mark)
        return mark

    def keep(self) -> None:
        """Take the checkpoint for that of the job as it is at its next start.

        Raises:
            RefusedError: there is none that could be kept.
        """
        try:
            known = json.loads((self.folder / MARK).read_text(encoding="utf-8"))
            known = {"phase": Phase.RUNNING, **known, "fingerprint": None}
            mark = Mark(**known)
        except (OSError, ValueError, TypeError):
            raise RefusedError(self.query, Reason.LOST, "it has no checkpoint that could be kept") from None
        if mark.phase != Phase.RUNNING or mark.query != self.query:
            raise RefusedError(self.query, Reason.UNFINISHED, "its checkpoint has nothing that could be kept")
        self.write(mark)

    def set_aside(self, now: datetime) -> Path | None:
        """Move the folder away, and forget all of those moved away but the last three; None when there was none."""
        if not self.folder.exists():
            return None
        place = self.folder.parent / ASIDE / f"{self.query}-{now.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}"
        place.parent.mkdir(exist_ok=True)
        self.folder.rename(place)
        for old in sorted(place.parent.glob(f"{self.query}-2*"))[:-KEPT]:
            shutil.rmtree(old)
        return place

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let no other process work with the checkpoint; one that dies lets go of it.

        Raises:
            BusyError: another one does.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with (self.folder.parent / f".{self.query}.lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BusyError(f"{self.query} is being run or rebuilt by another process") from None
            yield
