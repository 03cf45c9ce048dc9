"""Ten per cent of the events up to 48 h late and shuffled, five per cent twice, one per cent broken, twenty kills.

The documents equal those of a clean run; what was late, repeated and rejected is counted exactly.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import SparkSession

from jobs.engine.context import Context
from jobs.engine.ledger import Span
from jobs.engine.ledger_counts import counted
from jobs.job import all_jobs
from runtime.settings import PROJECT
from schemas import contract
from tests.faults.figures import expected, indexed, keys, observed, of
from tests.faults.records import newest
from tests.servers import drivers
from tests.servers.stacks import Stack

pytestmark = [pytest.mark.servers, pytest.mark.spark, pytest.mark.faults]

SEED = 20
TENANT = "seysses"
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
START = TODAY - timedelta(days=8)  # a repair looks 30 days back
HOURS = 72
DELAY = timedelta(hours=48)
#: In each round connectors and driver are killed, when so many jobs have worked since its begin. A driver that is
#: killed before any has worked is killed while it starts; late rows are those of jobs that have worked before.
AT_WORK = (0, 0, 1, 2, 3, 4, 5, 5, 5, 5)
ROUNDS = len(AT_WORK)
LIMIT_SECONDS = 300
JOBS = ("parking_by_site", "parking_by_zone", "traffic_by_segment", "heat_island_hourly", "heat_island_nightly")
Event = dict[str, Any]


@dataclass
class Trade:
    """The events of a contract, and the lines of a feed that brings them."""

    event: str
    events: list[Event]
    fields: Sequence[str]
    constant: dict[str, Any]

    @property
    def feed(self) -> str:
        return f"{TENANT}-{self.event}"

    def line(self, event: Event) -> bytes:
        values = {name: event[name] for name in self.fields}
        return json.dumps({"id": event["entity_id"], "at": event["observed_at"].isoformat(), **values}).encode()


def trades(rng: random.Random) -> list[Trade]:
    """Weather, car parks and traffic over three days."""
    return [
        Trade("weather_observed", list(_weather(rng)), WEATHER_FIELDS, {}),
        Trade("parking_observed", list(_parking(rng)), PARKING_FIELDS, {"area_type": "site", "zone_id": "centre"}),
        Trade("traffic_flow_observed", list(_traffic(rng)), TRAFFIC_FIELDS, {}),
    ]


WEATHER_FIELDS = ("temperature_celsius", "elevation_m", "is_rural_reference")
PARKING_FIELDS = ("total_spaces", "occupied_spaces", "free_spaces")
TRAFFIC_FIELDS = ("intensity_vehicles", "period_seconds", "average_speed_km_per_h")


def _weather(rng: random.Random) -> Iterator[Event]:
    for at in _times(timedelta(minutes=15)):
        for n in range(6):
            rural = {"elevation_m": 150.0, "is_rural_reference": n < 3}
            yield _event(f"station-{n}", at, temperature_celsius=round(20 + n * 0.3 + rng.gauss(0, 0.1), 3), **rural)


def _parking(rng: random.Random) -> Iterator[Event]:
    inside = [30] * 4
    for at in _times(timedelta(minutes=5)):
        for n in range(4):
            inside[n] = min(60, max(0, inside[n] + rng.randrange(-4, 5)))
            counts = {"total_spaces": 60, "occupied_spaces": inside[n], "free_spaces": 60 - inside[n]}
            yield _event(f"site-{n}", at, area_type="site", zone_id="centre", **counts)


def _traffic(rng: random.Random) -> Iterator[Event]:
    for at in _times(timedelta(minutes=5)):
        for n in range(4):
            flow = {"intensity_vehicles": rng.randrange(1, 200), "period_seconds": 300.0}
            yield _event(f"segment-{n}", at, average_speed_km_per_h=float(rng.randrange(20, 90)), **flow)


def _times(step: timedelta) -> Iterator[datetime]:
    for n in range(int(timedelta(hours=HOURS) / step)):
        yield START + n * step


def _event(entity: str, at: datetime, **values: Any) -> Event:
    same = {"tenant": TENANT, "feed": "any", "flags": []}
    return {**same, "entity_id": entity, "observed_at": at, "ingested_at": at, **values}


@dataclass
class Disorder:
    """A feed's lines in the order in which they come, and what is known of them."""

    lines: list[bytes]
    repeats: int
    broken: int


def disordered(trade: Trade, rng: random.Random) -> Disorder:
    """A tenth of the events up to 48 h late, a twentieth twice, and a hundredth of lines that say nothing."""
    arrivals: list[tuple[datetime, int, bytes]] = []
    repeats = broken = 0
    for n, event in enumerate(trade.events):
        late = DELAY * rng.random() if rng.random() < 0.1 else timedelta(0)
        at = event["observed_at"] + late
        arrivals.append((at, n, trade.line(event)))
        if rng.random() < 0.05:
            arrivals.append((at + timedelta(hours=rng.random()), n, trade.line(event)))
            repeats += 1
        if rng.random() < 0.01:
            arrivals.append((at, n, b'{"id": "broken-%d", "at": "%b"' % (n, at.isoformat().encode())))
            broken += 1
    return Disorder([line for _, _, line in sorted(arrivals)], repeats, broken)


@dataclass
class Pipeline:
    """The connectors and a driver as processes on a state folder, and the folders that files are dropped into."""

    state: Path
    context: Context

    def describe(self, trade: Trade) -> None:
        """Write the feed's file."""
        described = {
            "tenant": TENANT,
            "event": trade.event,
            "title": trade.feed,
            "transport": {
                "kind": "files",
                "folder": f"drop/{trade.feed}",
                "period_seconds": 0.2,
                "settle_seconds": 0,
                "max_lines_per_payload": 50,
            },
            "format": {
                "kind": "json_records",
                "layout": "lines",
                "entity_id": "id",
                "observed_at": "at",
                "fields": {name: name for name in trade.fields},
            },
            "defaults": trade.constant,
        }
        path = self.state / "feeds" / f"{trade.feed}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(described))

    def drop(self, trade: Trade, number: int, lines: Sequence[bytes]) -> None:
        """A file comes, whole."""
        folder = self.state / "drop" / trade.feed
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"{number:03}.jsonl.part"
        part.write_bytes(b"\n".join(lines) + b"\n")
        part.rename(folder / f"{number:03}.jsonl")

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """A `garonne` command as a process group of its own."""
        environment = drivers.environment_of(self.state, self.context.endpoints)
        with (self.state / "log").open("ab") as log:
            command = [sys.executable, "-m", "garonne", *words]
            return subprocess.Popen(
                command, cwd=PROJECT, env=environment, stdout=log, stderr=log, start_new_session=True
            )

    def batches(self) -> dict[str, int]:
        """The newest batch that each job has committed; -1 where there is none."""
        commits = {name: (self.context.checkpoints / name / "commits").glob("[0-9]*") for name in JOBS}
        return {name: max((int(path.name) for path in paths), default=-1) for name, paths in commits.items()}

    def worked_since(self, before: Mapping[str, int]) -> int:
        """How many jobs have committed a batch since."""
        return sum(batch > before[name] for name, batch in self.batches().items())

    def said(self) -> str:
        return (self.state / "log").read_text()[-3000:]

    def connectors(self) -> subprocess.Popen[bytes]:
        return self.start("ingest", str(self.state / "feeds"))

    def finished(self, *words: str) -> None:
        """A `garonne` command that has to end well."""
        process = self.start(*words)
        assert process.wait(LIMIT_SECONDS) == 0, self.said()


def end(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    os.killpg(process.pid, how)
    process.wait(60)


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.5)


def test_the_documents_equal_those_of_a_clean_run(own_servers: Stack, spark: SparkSession, tmp_path: Path) -> None:
    rng = random.Random(SEED)
    context = Context(own_servers.up(), tmp_path)
    context.prepare()
    pipeline = Pipeline(tmp_path, context)
    all_trades = trades(rng)
    disorder = {trade.event: disordered(trade, rng) for trade in all_trades}
    for trade in all_trades:
        pipeline.describe(trade)

    connectors = pipeline.connectors()
    for number, at_work in enumerate(rng.sample(AT_WORK, ROUNDS)):
        before = pipeline.batches()
        driver = pipeline.start("submit")
        for trade in all_trades:
            lines = disorder[trade.event].lines
            share = len(lines) / ROUNDS
            pipeline.drop(trade, number, lines[round(number * share) : round((number + 1) * share)])
        time.sleep(rng.uniform(0.2, 3))  # somewhere in the middle of it
        end(connectors, signal.SIGKILL)
        connectors = pipeline.connectors()
        time.sleep(rng.uniform(5, 20))  # while it starts or reads
        until(lambda: pipeline.worked_since(before) >= at_work, f"{at_work} jobs have worked: {pipeline.said()}")  # noqa: B023
        end(driver, signal.SIGKILL)

    truth = {trade.event: keys(trade.events) for trade in all_trades}
    said = {trade.feed: sum(1 for _ in disorder[trade.event].lines) for trade in all_trades}
    until(lambda: received(pipeline) == said, f"received {received(pipeline)}, sent {said}")
    end(connectors, signal.SIGTERM)
    for _ in range(2):  # the dead letters, late rows and books of a run are indexed by the next
        pipeline.finished("submit", "--available-now")
    late = {name: of(context, "late", TENANT, job=name) for name in JOBS}
    waiting = counted(context.es, Span(START, START + timedelta(hours=HOURS)))
    pipeline.finished("repair", *JOBS)
    pipeline.finished("submit", "observations", "--available-now")
    context.es.indices.refresh(index="city-*")

    for trade in all_trades:
        assert observed(context, trade.event, TENANT) == truth[trade.event]
    for name in JOBS:
        job = all_jobs()[name]
        clean = expected(spark, job, next(t.events for t in all_trades if t.event == job.reads))
        assert plain(indexed(context, job, TENANT)) == plain(clean), name
        assert late[name] or job.lateness > DELAY / 2, name  # heat waits so long that hardly any comes after that

    assert waiting.problems() == []  # what is in no result yet is late, and counted so
    for name in ("parking_by_site", "traffic_by_segment"):
        hours = [h for h in waiting.jobs if h.job == name]
        assert 0 < sum(h.late for h in hours) == sum(h.expected - h.in_results for h in hours), name
        assert all(h.repaired == 0 for h in hours), name

    ledger = counted(context.es, Span(START, START + timedelta(hours=HOURS)))
    assert ledger.problems() == []
    assert all(hour.late == hour.repaired for hour in ledger.jobs)
    for trade in all_trades:
        hours = [h for h in ledger.feeds if h.feed == trade.feed]
        lost = counted(context.es, Span(START, datetime.now(UTC) + timedelta(hours=1))).feeds  # broken: when they came
        rejected = sum((h.rejected for h in lost if h.feed == trade.feed), Counter())
        assert sum(h.accepted for h in hours) == sum(h.indexed for h in hours) == len(trade.events)
        assert sum(h.duplicate for h in hours) == disorder[trade.event].repeats
        assert rejected == Counter(malformed=disorder[trade.event].broken)
    letters = of(context, "dead_letter", TENANT).values()
    assert len(letters) == sum(d.broken for d in disorder.values())


def received(pipeline: Pipeline) -> dict[str, int]:
    """Records of each feed that its connector has saved as received, as its ledger's rows in Kafka say."""
    found: Counter[str] = Counter()
    for row in newest(pipeline.context, contract("ledger")).values():
        if row["counted_by"] == "source" and row["outcome"] == "received" and row["tenant"] == TENANT:
            found[row["counter"]] += row["records_count"]
    return dict(found)


def plain(documents: dict[str, Any]) -> dict[str, Any]:
    """Documents without when they were made."""
    return {i: {k: v for k, v in d.items() if k != "last_ingested_at"} for i, d in documents.items()}
