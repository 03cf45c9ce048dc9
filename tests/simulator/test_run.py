"""A whole city as a process would run it: an hour of history in a second, taken by clients as the connectors are."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2

from simulator.city import City
from simulator.faults import Faults
from simulator.run import SimulatorOptions, simulate
from simulator.sizes import SMALL
from simulator.truth import Truth

TAKEN = {
    "/datex2/record/status.xml": 61,
    "/gtfs-rt/vehicle-positions.pb": 121,
    "/api/explore/v2.1/catalog/datasets/stations-meteo-en-direct/records?limit=100": 5,
}
FAULTS = Faults(duplicate_rate=0.02, broken_rate=0.02)


async def take(client: httpx2.AsyncClient, path: str, got: Counter[str], until: float) -> None:
    """Every step of a source up to a time, each once."""
    etag = None
    while True:
        answer = await client.get(path, headers={"If-None-Match": etag} if etag else {}, timeout=30)
        if answer.status_code == 304:
            continue
        etag = answer.headers["ETag"]
        got[path] += 1
        if int(etag.strip('"').partition(".")[0]) >= until:
            return


def test_an_hour_of_history_reaches_clients_without_a_loss(tmp_path: Path) -> None:
    async def run() -> tuple[Counter[str], dict[str, object]]:
        options = SimulatorOptions(
            seed=5,
            size="small",
            history_hours=1,
            history_seconds=1,
            faults=FAULTS,
            url_file=tmp_path / "run" / "url",
            drop_folder=tmp_path / "drop",
            patience_seconds=0.3,
            grace_seconds=0,
        )
        got: Counter[str] = Counter()
        stop, ready = asyncio.Event(), asyncio.Event()
        city = asyncio.create_task(simulate(options, stop, lambda _url: ready.set()))
        async with asyncio.timeout(30):
            await ready.wait()
            url = (tmp_path / "run" / "url").read_text(encoding="utf-8").strip()
            async with httpx2.AsyncClient(base_url=url, trust_env=False) as client:
                started = (await client.get("/status")).json()["started_at"]
                end = datetime.fromisoformat(started).timestamp() + 3600
                await asyncio.gather(*(take(client, path, got, end) for path in TAKEN))
                status = (await client.get("/status")).json()
            stop.set()
            await city
        return got, status

    got, status = asyncio.run(run())
    assert got == TAKEN
    start = datetime.fromisoformat(str(status["started_at"]))
    assert abs(start.timestamp() - (time.time() - 3600)) < 3700
    files = sorted(p.name for p in (tmp_path / "drop").iterdir())
    assert len(files) >= 12
    assert files[0] == f"trafic-{start:%Y%m%dT%H%M%SZ}.csv.gz"
    truth = Truth(City(5, SMALL)).counts(start, start + timedelta(hours=1), FAULTS)
    after = Truth(City(5, SMALL)).counts(start + timedelta(hours=1), start + timedelta(hours=2), Faults())
    buses = status["sources"]["buses"]  # type: ignore[index]
    assert truth["vehicle_position"].good <= buses["events"]
    assert buses["events"] <= truth["vehicle_position"].good + after["vehicle_position"].good
    assert status["phase"] in ("history", "live")
    assert start.tzinfo == UTC or start.utcoffset() == timedelta(0)


def test_a_city_stops_when_it_is_told_to(tmp_path: Path) -> None:
    async def run() -> float:
        stop, ready = asyncio.Event(), asyncio.Event()
        options = SimulatorOptions(size="small", history_hours=0, drop_folder=tmp_path, patience_seconds=0)
        city = asyncio.create_task(simulate(options, stop, lambda _url: ready.set()))
        await asyncio.wait_for(ready.wait(), 10)
        stop.set()
        asked = time.monotonic()
        await asyncio.wait_for(city, 10)
        return time.monotonic() - asked

    assert asyncio.run(run()) < 5


def test_a_city_that_has_lived_stands_and_says_all_that_it_had_to(tmp_path: Path) -> None:
    async def run() -> tuple[dict[str, object], dict[str, object]]:
        stop, ready = asyncio.Event(), asyncio.Event()
        url = tmp_path / "url"
        options = SimulatorOptions(
            seed=5,
            size="small",
            history_hours=0,
            live_seconds=1800,
            speed=3600,
            url_file=url,
            drop_folder=tmp_path / "drop",
            patience_seconds=0,
        )
        city = asyncio.create_task(simulate(options, stop, lambda _url: ready.set()))
        async with asyncio.timeout(30), httpx2.AsyncClient(trust_env=False) as client:
            await ready.wait()
            status = f"{url.read_text(encoding='utf-8').strip()}/status"
            said = (await client.get(status)).json()
            while _seconds(said["city_time"]) < _seconds(said["started_at"]) + 1800:
                said = (await client.get(status)).json()
            await asyncio.sleep(0.2)  # twelve minutes of the city, if it still lived
            later = (await client.get(status)).json()
        stop.set()
        await city
        return said, later

    said, later = asyncio.run(run())
    assert later["city_time"] == said["city_time"]
    until = _seconds(later["sources"]["traffic"]["delivered_until"])  # type: ignore[index]
    assert _seconds(said["city_time"]) - 300 < until <= _seconds(said["city_time"])


def _seconds(time_: object) -> float:
    return datetime.fromisoformat(str(time_)).timestamp()
