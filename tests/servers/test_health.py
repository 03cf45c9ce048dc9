"""Frozen feeds and silent devices, seen through real servers: a source that answers 200 is no proof of life."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.feed import Feed, load_feed
from garonne.health.command import feeds_health
from garonne.health.observed import counted
from runtime.elastic.bulk import write
from runtime.elastic.client import client
from runtime.elastic.setup import ensure_templates
from runtime.endpoints import Endpoints
from runtime.settings import PROJECT
from schemas import contract
from tests.connectors.scripted import Request, ScriptedServer, answer
from tests.servers.drivers import environment_of
from tests.servers.indexing import index_tenants
from tests.servers.ingesting import City, count, until
from tests.servers.serving import actions

pytestmark = pytest.mark.servers

PERIOD_SECONDS = 4
STATIONS = 50
LOST = "station-31"


def described(city: City, name: str, server: ScriptedServer, **rhythm: float) -> Feed:
    """A feed of the scripted server that declares how often it speaks."""
    path = city.path(city.feed(name, {"kind": "http", "url": server.url, "period_seconds": 0.3}).id)
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **rhythm}))
    return load_feed(path)


def readings(at: datetime, *stations: str) -> list[dict[str, Any]]:
    return [{"id": s, "at": at.isoformat(), "t": 20.5} for s in stations]


def health(city: City, feed: Feed, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command as a person runs it; nothing else of Garonne is running."""
    command = [sys.executable, "-m", "garonne", "health", str(city.path(feed.id)), *options]
    environment = {**environment_of(city.state, city.endpoints), **variables}
    return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60)


def verdict(city: City, feed: Feed) -> dict[str, Any]:
    answered = health(city, feed, "--json")
    assert answered.returncode == 0, answered.stderr
    (found,) = json.loads(answered.stdout)
    assert isinstance(found, dict)
    return found


def test_a_frozen_feed_is_stale_when_two_periods_are_over(servers: Endpoints, tmp_path: Path) -> None:
    city = City(servers, tmp_path)
    feed, frozen_at = asyncio.run(_frozen(city))
    index_tenants(servers, tmp_path, city.tenant)
    limit, moment = frozen_at + timedelta(seconds=2 * PERIOD_SECONDS), timedelta(milliseconds=10)
    states = [feeds_health(client(servers), [feed], at, only_heard=False)[0].state for at in (limit, limit + moment)]
    assert states == ["ok", "stale"]
    while datetime.now(UTC) <= limit + moment:
        time.sleep(0.1)
    shown = health(city, feed, "--check")
    assert (shown.returncode, "stale" in shown.stdout) == (1, True)


async def _frozen(city: City) -> tuple[Feed, datetime]:
    """A feed of a server that says for ever what it said first, polled some times; and the time that it says."""
    first: list[tuple[datetime, bytes]] = []

    def the_same(_: Request) -> bytes:
        if not first:
            now = datetime.now(UTC).replace(microsecond=0)
            first.append((now, answer(body=json.dumps(readings(now, "a", "b")).encode())))
        return first[0][1]

    async with ScriptedServer([the_same]).running() as server:
        feed = described(city, "frozen", server, period_seconds=PERIOD_SECONDS)
        async with city.ingesting(feed):
            await until(lambda: count(feed, "accepted") == 2 and count(feed, "duplicate") >= 4, "it was polled again")
    return feed, first[0][0]


def test_one_silent_station_of_fifty_is_named(servers: Endpoints, tmp_path: Path) -> None:
    city = City(servers, tmp_path)
    feed = asyncio.run(_one_of_fifty_lost(city))
    index_tenants(servers, tmp_path, city.tenant)
    found = verdict(city, feed)
    assert (found["state"], found["devices_count"]) == ("partial", STATIONS)
    assert [d["entity_id"] for d in found["silent_devices"]] == [LOST]
    shown = health(city, feed, "--devices", "--check")
    assert (shown.returncode, LOST in shown.stdout) == (1, True)


async def _one_of_fifty_lost(city: City) -> Feed:
    """Fifty stations that reported some time ago, and now all but one."""
    stations = [f"station-{n:02}" for n in range(STATIONS)]
    now = datetime.now(UTC)
    before = readings(now - timedelta(minutes=10), *stations)

    def later(_: Request) -> bytes:
        return answer(body=json.dumps(readings(now, *(s for s in stations if s != LOST))).encode())

    async with ScriptedServer([answer(body=json.dumps(before).encode()), later]).running() as server:
        feed = described(city, "stations", server, period_seconds=240)
        async with city.ingesting(feed):
            await until(lambda: count(feed, "accepted") == 2 * STATIONS - 1, "both rounds are taken in")
    return feed


def test_a_feed_in_good_health_is_no_reason_to_wake_anyone(servers: Endpoints, tmp_path: Path) -> None:
    city = City(servers, tmp_path)
    feed = asyncio.run(_spoken_of_a_clock_that_runs_ahead(city))
    index_tenants(servers, tmp_path, city.tenant)
    shown = health(city, feed, "--check")
    assert (shown.returncode, "ok" in shown.stdout) == (0, True), shown.stdout + shown.stderr
    assert verdict(city, feed)["age_seconds"] >= 0


async def _spoken_of_a_clock_that_runs_ahead(city: City) -> Feed:
    ahead = readings(datetime.now(UTC) + timedelta(minutes=9), "ahead")
    async with ScriptedServer([answer(body=json.dumps(ahead).encode())]).running() as server:
        feed = described(city, "ahead", server, period_seconds=240)
        async with city.ingesting(feed):
            await until(lambda: count(feed, "accepted") == 1, "it is taken in")
    return feed


def test_a_feed_that_never_spoke_is_silent(servers: Endpoints, tmp_path: Path) -> None:
    city = City(servers, tmp_path)
    feed = described(city, "nothing", ScriptedServer([None], port=1), period_seconds=60)
    assert verdict(city, feed)["state"] == "silent"
    assert health(city, feed, "--check").returncode == 1


def test_without_elasticsearch_health_says_so_in_a_line(servers: Endpoints, tmp_path: Path) -> None:
    city = City(servers, tmp_path)
    feed = described(city, "away", ScriptedServer([None], port=1), period_seconds=60)
    shown = health(city, feed, ELASTICSEARCH_URL="http://127.0.0.1:1")
    assert shown.returncode == 1
    assert shown.stderr.startswith("garonne: Elasticsearch does not say how the feeds are")


def test_a_feed_that_catches_up_with_its_past_is_not_taken_for_broken(servers: Endpoints) -> None:
    """The accepted stand in the hours of the past, the rejected, whose time nobody knows, in the one that runs."""
    now, es, ledger = datetime.now(UTC), client(servers), contract("ledger")
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    said = {"tenant": "catchingup", "counter": "catching-up", "counted_by": "source", "event": "weather_observed"}

    def line(hours_ago: int, outcome: str, count: int, counted_hours_ago: int = 0) -> dict[str, Any]:
        hour, counted_at = this_hour - timedelta(hours=hours_ago), now - timedelta(hours=counted_hours_ago)
        reason = "malformed" if outcome == "rejected" else ""
        about = {"hour": hour, "outcome": outcome, "reason": reason, "records_count": count, "counted_at": counted_at}
        return {**said, **about}

    lines = [line(n, "received", 100) for n in range(3, 30)]
    lines += [line(40, "received", 9_000, counted_hours_ago=40), line(0, "received", 10), line(0, "rejected", 9)]
    ensure_templates(es, [ledger])
    write(es, list(actions(ledger, iter(lines))), visible=True)
    found = counted(es, now)["catchingup", "catching-up"]
    assert (found.received, found.rejected) == (2_710, 9)
