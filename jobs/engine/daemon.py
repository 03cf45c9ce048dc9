"""The process that Spark forks its Python workers from on this machine: what they need is imported once, and shared."""

from __future__ import annotations

import gc

import pandas  # noqa: F401
from pyspark import daemon, worker  # noqa: F401

from jobs.engine import observations  # noqa: F401
from jobs.engine.worker import keep_archives_open
from jobs.job import all_jobs

if __name__ == "__main__":
    all_jobs()
    keep_archives_open()
    gc.freeze()  # so that the workers' collectors leave the shared pages alone
    daemon.manager()  # type: ignore[no-untyped-call]
