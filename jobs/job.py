"""A job: what it reads, what it makes, how late and how fresh. A module of `jobs` with ``JOB = Job(...)`` is one."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from pyspark.sql import DataFrame

import jobs


@dataclass(frozen=True)
class Counted:
    """Where a job's documents say on how many observations they stand, each observation in exactly one of them."""

    where: Mapping[str, str] = field(default_factory=dict, hash=False)  # values of the events that the job reads
    needs: tuple[str, ...] = ()  # fields without which it does not read them
    sums: tuple[str, ...] = ("observations_count",)  # fields of its documents


@dataclass(frozen=True)
class Job:
    """A pure function from the events of one contract to the documents of another.

    ``transform`` gets one row for each accepted event, with the columns of the event's contract (``observed_at``
    carries the watermark), possibly repeated and in any order; it gives the columns of the result's contract. The
    same function runs live, in a replay and in a test as a batch.
    """

    name: str
    reads: str  # event contract
    result: str  # result contract
    transform: Callable[[DataFrame], DataFrame]
    window: timedelta  # length of the result's window
    lateness: timedelta  # how long after its window an event still counts
    freshness: timedelta  # how old a figure may be; each job has its own, so that they do not all fire at one tick
    lookback: timedelta = timedelta(0)  # how far before its window a figure reads
    lookahead: timedelta = timedelta(0)  # how far after its window a figure reads
    offset: timedelta = timedelta(0)  # of the windows from midnight UTC
    part: Mapping[str, str] = field(
        default_factory=dict, hash=False
    )  # what tells its documents from others of the same result
    counted: Counted | None = None  # for the ledger; None where its figures count something else than observations

    @property
    def interval(self) -> timedelta:
        """Time between two batches; the rest of the freshness is for a batch's turn and its work."""
        return self.freshness * 0.8


def all_jobs() -> Mapping[str, Job]:
    """Every job by name: each module of `jobs` that has a ``JOB``."""
    modules = (importlib.import_module(f"jobs.{m.name}") for m in pkgutil.iter_modules(jobs.__path__) if not m.ispkg)
    found = {m.JOB.name: m.JOB for m in modules if isinstance(getattr(m, "JOB", None), Job)}
    return dict(sorted(found.items()))
