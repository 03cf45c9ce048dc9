"""The jobs that a row of the matrix is shown for."""

from __future__ import annotations

import pytest

from jobs.job import Job, all_jobs


def every_job() -> list[object]:
    """Names of all jobs, for a test of each: one for every event in each run, the others with the long rows."""
    first: dict[str, Job] = {}
    for job in all_jobs().values():
        first.setdefault(job.reads, job)
    return [n if j is first[j.reads] else pytest.param(n, marks=pytest.mark.faults) for n, j in all_jobs().items()]
