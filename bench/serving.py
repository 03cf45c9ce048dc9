"""How fast the API and the dashboards answer: a real server process, a real Elasticsearch, a real Chromium."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
from elasticsearch import Elasticsearch
from rich.table import Table

from runtime.elastic import bulk
from runtime.elastic.client import client
from schemas import contract
from serving.access.keys import KeyStore, made
from serving.access.levels import Level
from tests.browser.browsing import chromium, opened, settled
from tests.browser.city import TENANT, actions, fill
from tests.browser.pages import PAGES
from tests.servers.served import serving
from tests.servers.stacks import stack_of_its_own

POINTS = 10_000
QUESTIONS = 60
LISTENERS = 50
CHANGES = 20  # states that change each second
SECONDS = 15
HOURS = 24
OPENINGS = 5  # of each page
LIMIT_SECONDS = 120
WEATHER = contract("weather_observed")
DATASET = f"/api/v1/datasets/{WEATHER.name}"
#: What the city's map listens to, over one connection.
MAP = ("weather_observed", "parking_observed", "vehicle_position")


@dataclass(frozen=True)
class Times:
    """How long something took each time, and the longest it may take."""

    what: str
    seconds: list[float]
    limit_seconds: float | None = None
    limit_share: float = 1.0  # of the times that have to keep it

    @property
    def is_kept(self) -> bool:
        """Whether the limit is kept, if there is one."""
        return self.limit_seconds is None or float(self.at(self.limit_share)) <= self.limit_seconds

    @property
    def limit(self) -> str:
        """The limit in words."""
        if self.limit_seconds is None:
            return ""
        of = "" if self.limit_share == 1 else f" ({self.limit_share:.0%})"
        return f"{self.limit_seconds:g} s{of}{'' if self.is_kept else ': NOT KEPT'}"

    def at(self, share: float) -> str:
        """A quantile."""
        return f"{sorted(self.seconds)[min(len(self.seconds) - 1, int(len(self.seconds) * share))]:.3f}"


def measured() -> tuple[Table, bool]:
    """All measurements, on servers of their own, over a small city and a station with 10,000 observations.

    Also whether all limits are kept.
    """
    table, kept_all = Table("what", "times", "p50 s", "p95 s", "worst s", "limit"), True
    with stack_of_its_own("elasticsearch") as stack, tempfile.TemporaryDirectory() as state:
        servers, now = stack.up(), datetime.now(UTC)
        es = client(servers)
        fill(es, now, HOURS)
        bulk.write(es, (a for n in range(POINTS) for a in _of("long", now - timedelta(minutes=n))), visible=True)
        kept, key = made([TENANT], Level.PRIVATE, "bench", 1_000_000, timedelta(days=1), now)
        KeyStore(es).add(kept)
        with serving(Path(state), servers, "--anonymous-per-minute", "1000000") as address:
            for times in (*_questions(address), _live(address, es), *_pages(address, key.get_secret_value())):
                kept_all &= times.is_kept
                table.add_row(times.what, str(len(times.seconds)), *map(times.at, (0.5, 0.95, 1.0)), times.limit)
    return table, kept_all


def _of(entity: str, at: datetime) -> Iterator[bulk.Action]:
    """A state of a station, as the query of the observations writes it."""
    document: dict[str, Any] = {
        "tenant": TENANT,
        "entity_id": entity,
        "observed_at": at,
        "ingested_at": datetime.now(UTC),
        "feed": "bench",
        "location": {"lat": 43.6, "lon": 1.44},
        "flags": [],
        "temperature_celsius": 20 + at.minute / 10,
    }
    return actions(WEATHER.name, document)


def _questions(address: str) -> Iterator[Times]:
    """What third parties ask most."""
    with httpx2.Client(base_url=address, timeout=LIMIT_SECONDS) as asked:

        def timed(what: str, path: str, longest: float | None = None, **parameters: Any) -> Times:
            def ask() -> None:
                answer = asked.get(path, params={"tenant": TENANT, **parameters})
                assert answer.status_code == 200, answer.text  # noqa: S101

            ask()
            return Times(what, [_seconds(ask) for _ in range(QUESTIONS)], longest, 0.95)

        one = {"entity_id": "long"}
        yield timed(f"history, {POINTS:,} points as JSON", f"{DATASET}/history", 1.0, limit=POINTS, **one)
        chosen = {"select": "observed_at, temperature_celsius", **one}
        yield timed("the same, two fields", f"{DATASET}/history", limit=POINTS, **chosen)
        yield timed("the same as CSV", f"{DATASET}/export/csv", **one)
        hourly = {"step": "1 hour", "select": "avg(temperature_celsius)", **one}
        yield timed("the same by hour", f"{DATASET}/aggregate", **hourly)
        yield timed("latest states", f"{DATASET}/latest")


def _live(address: str, es: Elasticsearch) -> Times:
    """From a state's writing until one of the listeners has it; of states that follow fast the newest is told."""
    heard: list[float] = []
    newest: Counter[str] = Counter()  # by time of observation

    async def listen(asked: httpx2.AsyncClient, ready: asyncio.Semaphore) -> None:
        shown = {"dataset": MAP, "tenant": TENANT}
        for name in MAP:  # what a map shows first
            (await asked.get(f"{address}/api/v1/datasets/{name}/latest", params={"tenant": TENANT})).raise_for_status()
        async with asked.stream("GET", f"{address}/api/v1/live", params=shown) as answer:
            async for said in _events(answer):
                if said is None:
                    ready.release()
                elif said["entity_id"].startswith("live-"):
                    newest[said["observed_at"]] += 1
                    heard.append(time.time() - datetime.fromisoformat(said["ingested_at"]).timestamp())

    async def main() -> None:
        ready = asyncio.Semaphore(0)
        limits = httpx2.Limits(max_connections=LISTENERS)
        async with httpx2.AsyncClient(timeout=LIMIT_SECONDS, limits=limits) as asked, asyncio.timeout(LIMIT_SECONDS):
            tasks = [asyncio.create_task(listen(asked, ready)) for _ in range(LISTENERS)]
            for _ in range(LISTENERS):
                await ready.acquire()
            for _ in range(SECONDS):
                now = datetime.now(UTC)
                changes = [a for n in range(CHANGES) for a in _of(f"live-{n}", now)]
                await asyncio.to_thread(bulk.write, es, changes)
                await asyncio.sleep(1)
            while newest[now.isoformat()] < LISTENERS * CHANGES:
                await asyncio.sleep(0.1)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(main())
    return Times(f"the map live, {LISTENERS} listeners, {CHANGES} changes/s", heard)


async def _events(answer: httpx2.Response) -> AsyncIterator[dict[str, Any] | None]:
    """The states that a stream tells; None once it listens."""
    async for line in answer.aiter_lines():
        if line.startswith("event: listening"):
            yield None
        elif line.startswith("data: {") and '"entity_id"' in line:
            yield json.loads(line.removeprefix("data: "))["state"]


def _pages(address: str, key: str) -> Iterator[Times]:
    """From the address to a page with its data, in a browser that has never been there."""
    with chromium() as browser:
        for name in ("city", "heat", "parking", "mobility", "dataset", "entity", "pipeline"):
            shown = PAGES[name]

            def usable(url: str = address + shown.address(), data: str = shown.data) -> float:
                with opened(browser, url, key) as page:
                    settled(page)
                    page.locator("main").filter(has_text=data).wait_for()
                    return float(page.evaluate("performance.now()")) / 1000  # since its address was asked for

            yield Times(f"page {shown.path}", [usable() for _ in range(OPENINGS)], 2.0)


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
