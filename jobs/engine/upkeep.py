"""What a driver does beside its queries: late rows are kept soon; now and then windows are repaired, the books made."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from threading import Event, Lock, Thread

import structlog
from pyspark.sql import SparkSession

from jobs.engine.bookkeeping import Books
from jobs.engine.context import Context
from jobs.engine.late import keep_late
from jobs.engine.repair import repair
from jobs.job import Job
from runtime import metrics

log = structlog.get_logger()

LOOK_SECONDS = 2.0
LAST_SECONDS = 10.0  # for the chore at hand, when the driver ends; what is left of it the next driver does


class Every:
    """What is due once in so many seconds, for the first time after as many."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since = time.monotonic()

    def is_due(self) -> bool:
        """Whether it is due; then it is not for a while."""
        if time.monotonic() - self._since < self._seconds:
            return False
        self._since = time.monotonic()
        return True


class Upkeep:
    """The upkeep of a driver's jobs, in a thread of its own."""

    def __init__(
        self, spark: SparkSession, context: Context, jobs: Sequence[Job], repair_seconds: float, ledger_seconds: float
    ) -> None:
        self._spark, self._context = spark, context
        self._jobs = {job.name: job for job in jobs}
        self._repairs = Every(repair_seconds)
        self._balances = Every(ledger_seconds)
        self._books = Books(context)
        self._ended: dict[str, int] = {}  # the newest batch that is known to have ended
        self._clean: dict[str, set[int]] = defaultdict(set)  # batches that dropped nothing
        self._lock = Lock()
        self._stop = Event()
        self._thread = Thread(target=self._run, name="upkeep", daemon=True)

    def batch_ended(self, query: str, number: int, dropped: int) -> None:
        """A query has ended a batch in which the watermark dropped so many rows; only jobs have late rows."""
        if query not in self._jobs:
            return
        with self._lock:
            if not dropped:
                self._clean[query].add(number)
            self._ended[query] = number

    def __enter__(self) -> Upkeep:
        """Look at what an earlier driver left, and go on beside the queries."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Go on no more; what was not done, the next driver does."""
        self._stop.set()
        self._thread.join(LAST_SECONDS)

    def keep_all(self) -> None:
        """Keep the late rows of every batch that was committed."""
        for job in self._jobs.values():
            self._keep(job, None)

    def _run(self) -> None:
        self._spark.sparkContext.setLocalProperty("spark.scheduler.pool", "upkeep")
        self._try("late", self.keep_all)
        while not self._stop.wait(LOOK_SECONDS):
            with self._lock:
                ended, self._ended = self._ended, {}
            for query, number in ended.items():
                self._try("late", lambda q=query, n=number: self._keep(self._jobs[q], n))  # type: ignore[misc]
            if self._repairs.is_due():
                for job in self._jobs.values():
                    self._try("repair", lambda j=job: repair(self._spark, j, self._context))  # type: ignore[misc]
            if self._balances.is_due():
                self._try("ledger", self._books.balance)

    def _keep(self, job: Job, up_to: int | None) -> None:
        with self._lock:
            clean = set(self._clean[job.name])
        keep_late(self._spark, job, self._context, clean, up_to)
        with self._lock:
            self._clean[job.name] -= clean

    def _try(self, chore: str, do: Callable[[], object]) -> None:
        """Do a chore; one that fails is done again the next time."""
        try:
            do()
        except Exception as e:
            metrics.UPKEEP_FAILURES.labels(chore=chore).inc()
            log.exception("upkeep.failed", chore=chore, error=str(e)[:500])
