"""What the platform says of itself: late rows found and repaired, and the ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from jobs.engine.late import LATE, MARK
from jobs.engine.ledger import FeedHour, Span
from jobs.engine.ledger_counts import counted
from jobs.engine.offsets import committed
from jobs.job import Job, all_jobs
from schemas import contract
from tests.faults.soak.bursts import LATE_HOURS
from tests.faults.soak.plant import Plant
from tests.faults.soak.verdict import SHOWN, Check

SPAN = timedelta(hours=LATE_HOURS[1] + 2)


def is_repaired(plant: Plant) -> bool:
    """Whether every committed batch was looked at for late rows, and every window that had any was computed again."""
    if not all(_is_looked_at(plant, job) for job in all_jobs().values()):
        return False
    es = plant.context.es
    es.indices.refresh(index="city-*")
    query = {"bool": {"must_not": [{"exists": {"field": "repaired_at"}}]}}
    return not es.count(index=contract(LATE).alias, query=query, ignore_unavailable=True)["count"]


def ledger(plant: Plant) -> Check:
    """Whether the ledger balances, in every hour."""
    now = datetime.now(UTC)
    found = counted(plant.context.es, Span((now - SPAN).replace(minute=0, second=0, microsecond=0), now))
    problems = [
        f"{h.feed if isinstance(h, FeedHour) else h.job} {h.hour:%d %H}h: {words}" for h, words in found.problems()
    ]
    late, repaired = (sum(getattr(h, name) for h in found.jobs) for name in ("late", "repaired"))
    note = f"{late:,} late, {repaired:,} repaired"
    return Check(
        "LEDGER", "hours", len(found.feeds) + len(found.jobs), wrong=len(problems), examples=problems[:SHOWN], note=note
    )


def _is_looked_at(plant: Plant, job: Job) -> bool:
    checkpoint = plant.context.checkpoints / job.name
    batches, mark = committed(checkpoint), checkpoint / MARK
    return not batches or (mark.exists() and int(mark.read_text(encoding="utf-8")) >= batches[-1])
