from __future__ import annotations

from typing import Any

from jobs.engine.upkeep import Upkeep
from jobs.job import all_jobs


def test_batches_of_queries_that_are_no_jobs_are_not_remembered() -> None:
    nothing: Any = None  # neither Spark nor a server is asked
    job = all_jobs()["parking_by_site"]
    upkeep = Upkeep(nothing, nothing, [job], 600, 300)
    for number in range(3):
        upkeep.batch_ended("observations", number, 0)
        upkeep.batch_ended(job.name, number, 0)
    assert dict(upkeep._clean) == {job.name: {0, 1, 2}}
    assert upkeep._ended == {job.name: 2}
