"""Row 1, SET: a connector killed between poll, produce, acknowledgement and cursor loses nothing."""

from __future__ import annotations

import asyncio
import random
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from connectors.feed import Feed
from jobs.engine.context import Context
from runtime.endpoints import Endpoints
from tests.faults.dying import POINTS
from tests.faults.figures import entities
from tests.faults.sources import LINES, Source, folder, portal, radio
from tests.servers.drivers import submit
from tests.servers.ingesting import City

pytestmark = [pytest.mark.servers, pytest.mark.faults]

RECORDS = 200  # of each round
LIMIT_SECONDS = 60
PASSES = {"replacing": 5, "saving": 3, "saved": 3}  # at most; the rest by the source
DELIVERIES = {"files": RECORDS // LINES, "http": 1, "mqtt": RECORDS}


@pytest.fixture
def city(servers: Endpoints, tmp_path: Path) -> City:
    return City(servers, tmp_path)


def killed(city: City, source: Source, rng: random.Random, points: list[str]) -> set[str]:
    """What a source gave while its connector was killed at one point after the other, and then was left alone."""
    given: list[str] = []
    for number, point in enumerate(points):
        names = [f"r{number}-{n}" for n in range(RECORDS)]
        source.give(names)
        given += names
        process = city.process(source.feed, "tests.faults.dying", point, str(_passes(point, source.feed, rng)))
        try:
            assert process.wait(LIMIT_SECONDS) == -signal.SIGKILL, point
        finally:
            process.kill()
            process.wait()
    asyncio.run(_finished(city, source.feed, set(given)))
    return set(given)


def _passes(point: str, feed: Feed, rng: random.Random) -> int:
    deliveries = dict.fromkeys(("polled", "advanced"), DELIVERIES[feed.transport.kind])
    return rng.randint(1, {**PASSES, **deliveries}.get(point, RECORDS))


async def _finished(city: City, feed: Feed, given: set[str]) -> None:
    async with city.ingesting(feed):
        await city.until_settled(given)


def test_files_are_whole_after_a_kill_at_each_point(city: City) -> None:
    rng = random.Random(1)
    given = killed(city, folder(city), rng, rng.sample(POINTS, len(POINTS)))
    assert set(city.entities()) == given


@pytest.mark.faults
@pytest.mark.spark
@pytest.mark.parametrize("seed", [2, 3])
@pytest.mark.parametrize("kind", ["folder", "portal", "radio"])
def test_every_source_is_whole_in_kafka_and_elasticsearch(city: City, kind: str, seed: int) -> None:
    rng = random.Random(seed)
    with ExitStack() as opened:
        sources = {
            "folder": lambda: folder(city),
            "portal": lambda: opened.enter_context(portal(city)),
            "radio": lambda: radio(city),
        }
        given = killed(city, sources[kind](), rng, rng.choices(POINTS, k=12))
    assert set(city.entities()) == given
    submit(city.state, city.endpoints, ["observations", "--available-now"])
    found = entities(Context(city.endpoints, city.state), city.tenant)
    assert set(found) == given
    assert len(found) == len(given)
