"""Whether nothing was lost and nothing counts twice: SET, LATEST, SUM, DLQ and ARCHIVE, each exact."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from jobs.engine.context import Context
from jobs.job import Job, all_jobs
from runtime.elastic.documents import scanned
from schemas import Contract, Kind, contract, contracts
from tests.faults.soak import oracle
from tests.faults.soak.delivered import Delivered
from tests.faults.soak.held import Held, held
from tests.faults.soak.plant import Plant

SHOWN = 5
DEAD_LETTER = "dead_letter"


@dataclass(frozen=True)
class Check:
    """One comparison: how many there had to be, and what is not as it should be."""

    name: str
    of: str
    expected: int
    missing: int = 0
    extra: int = 0
    wrong: int = 0
    examples: Sequence[str] = ()
    note: str = ""

    @property
    def is_good(self) -> bool:
        """Whether all is as it should be."""
        return self.missing == self.extra == self.wrong == 0


def compared(name: str, of: str, expected: Mapping[str, Any], found: Mapping[str, Any], note: str = "") -> Check:
    """Two sets of documents by id: the same ids, and the same values."""
    missing, extra = expected.keys() - found.keys(), found.keys() - expected.keys()
    wrong = [i for i, value in expected.items() if i in found and found[i] != value]
    examples = [
        *(f"missing {i}" for i in sorted(missing)[:SHOWN]),
        *(f"extra {i}" for i in sorted(extra)[:SHOWN]),
        *(f"{i}: {_difference(expected[i], found[i])}" for i in sorted(wrong)[:SHOWN]),
    ]
    return Check(name, of, len(expected), len(missing), len(extra), len(wrong), examples, note)


def checks(plant: Plant, source: Delivered) -> Iterator[Check]:
    """All comparisons; the pipeline has drained, its servers run."""
    context = plant.context
    context.es.indices.refresh(index="city-*")
    computed = plant.settings.state / "oracle"
    letters = source.letters | plant.letters
    topics = {c.name: held(context, c) for c in contracts().values() if c.has_topic}
    for name, there in topics.items():
        yield from _of_topic(context, contract(name), there, source.events.get(name), letters)
    oracle.computed(plant.settings, computed)
    for name, there in topics.items():
        if contract(name).kind is Kind.EVENT:
            yield _archived(contract(name), there, computed)
    for job in all_jobs().values():
        yield _sum(context, job, computed)


def _of_topic(
    context: Context, c: Contract, there: Held, delivered: Set[str] | None, letters: Set[str]
) -> Iterator[Check]:
    counts = f"{there.records:,} records, {there.repeats:,} of them repeats, {there.refused:,} refused"
    if c.kind is Kind.EVENT:
        yield _same_ids("SET city to Kafka", c.name, delivered or set(), there.newest.keys(), counts)
    elif c.name == DEAD_LETTER:
        ids = {i.rpartition("|")[2] for i in there.newest}
        yield _same_ids("DLQ broken and poison", c.name, letters, ids, counts)
    yield _set(context, c, there)
    if c.has_latest:
        yield _latest(context, c, there)


def _same_ids(name: str, of: str, expected: Set[str], found: Set[str], note: str) -> Check:
    return compared(name, of, dict.fromkeys(expected), dict.fromkeys(found), note)


def _set(context: Context, c: Contract, there: Held) -> Check:
    docs = scanned(context.es, c.alias, [c.version])
    return compared("SET Kafka to index", c.name, there.newest, {i: _time(d[c.version]) for i, d in docs})


def _latest(context: Context, c: Contract, there: Held) -> Check:
    docs = scanned(context.es, c.latest_alias, [c.time])
    return compared("LATEST in index", c.name, there.latest, {i: _time(d[c.time]) for i, d in docs})


def _sum(context: Context, job: Job, computed: Path) -> Check:
    with (computed / f"{job.name}.tsv").open(encoding="utf-8") as lines:
        expected = {i: json.loads(source) for i, _, source in (line.rstrip("\n").partition("\t") for line in lines)}
    found = dict(scanned(context.es, contract(job.result).alias, None, **job.part))
    return compared("SUM as the batch", job.name, expected, found)


def _archived(c: Contract, there: Held, computed: Path) -> Check:
    """The archive has each accepted record once, repeats as repeats."""
    with oracle.archived(computed, c).open(encoding="utf-8") as lines:
        rows = dict(line.rstrip("\n").rsplit("\t", 1) for line in lines)
    expected = dict.fromkeys(there.newest)
    found = compared("ARCHIVE as Kafka", c.name, expected, dict.fromkeys(rows))
    count, accepted = sum(map(int, rows.values())), there.records - there.refused
    note = f"{count:,} rows of {accepted:,} accepted records"
    return replace(found, wrong=abs(count - accepted), note=note)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _difference(expected: Any, found: Any) -> str:
    if not isinstance(expected, dict):
        return f"{found}, expected {expected}"
    fields = sorted(n for n in expected.keys() | found.keys() if expected.get(n) != found.get(n))
    return ", ".join(f"{n} {found.get(n)!r}, expected {expected.get(n)!r}" for n in fields)
