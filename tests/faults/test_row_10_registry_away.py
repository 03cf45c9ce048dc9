"""Row 10, CONT and SET: without the registry, connectors and drivers go on with the schemas they have on disk."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from jobs.engine.context import Context
from runtime import registry as module
from runtime.registry import Registry, RegistryAwayError
from schemas import contract
from tests.connectors.scripted import ScriptedServer
from tests.faults.background import in_background
from tests.faults.figures import entities
from tests.faults.sources import folder
from tests.servers.drivers import driver, said, submit
from tests.servers.ingesting import City, count
from tests.servers.ingesting import until as until_here
from tests.servers.stacks import Stack, until

DRAIN_SECONDS = 240
WEATHER = contract("weather_observed")


@pytest.mark.servers
def test_connectors_go_on_and_start_anew_without_it(own_kafka: Stack, tmp_path: Path) -> None:
    city = City(own_kafka.up(), tmp_path)
    source = folder(city)
    names = {"with", "without", "started-without"}

    async def main() -> None:
        async with city.ingesting(source.feed):
            source.give(["with"])
            await city.until_settled({"with"})
            own_kafka.kill("registry")
            source.give(["without"])
            await city.until_settled({"without"})
        async with city.ingesting(source.feed):
            source.give(["started-without"])
            await city.until_settled(names)

    asyncio.run(main())
    assert set(city.entities()) == names


@pytest.mark.faults
@pytest.mark.servers
def test_a_feed_of_a_contract_that_was_never_seen_waits_for_it(own_kafka: Stack, tmp_path: Path) -> None:
    city = City(own_kafka.up(), tmp_path)
    source = folder(city)
    own_kafka.kill("registry")

    async def main() -> None:
        source.give(["patient"])
        async with city.ingesting(source.feed):
            await asyncio.to_thread(own_kafka.up)
            await until_here(lambda: count(source.feed, "accepted") == 1, "the feed has begun")

    asyncio.run(main())
    assert city.entities() == ["patient"]


def test_one_that_never_answers_costs_its_time_limit_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.2)
    known = tmp_path / f"{WEATHER.subject}.json"
    with in_background(ScriptedServer([60.0]).running()) as silent:
        registry = Registry(silent.url, tmp_path)
        with pytest.raises(RegistryAwayError, match="not known from before"):
            registry.register(WEATHER)
        asked = len(silent.requests)
        known.write_bytes(module.json.dumps({"id": 7, "schema": WEATHER.avro_json}).encode())
        started = time.monotonic()
        assert [registry.register(WEATHER) for _ in range(100)] == [7] * 100
        with pytest.raises(RegistryAwayError, match="not known from before"):
            registry.numbers(WEATHER)
        assert time.monotonic() - started < 1
    assert asked == len(silent.requests) == 1 + module.RETRIES


@pytest.mark.faults
@pytest.mark.servers
@pytest.mark.spark
def test_a_driver_goes_on_and_starts_anew_without_it(own_servers: Stack, tmp_path: Path) -> None:
    city = City(own_servers.up(), tmp_path)
    source = folder(city)
    context = Context(city.endpoints, tmp_path)
    jobs = ["observations", "heat_island_hourly"]

    def comes(name: str) -> None:
        source.give([name])
        until(lambda: name in entities(context, city.tenant), f"{name} is indexed\n{said(tmp_path)}", DRAIN_SECONDS)

    source.give(["first"])
    connector = city.process(source.feed)
    try:
        submit(tmp_path, city.endpoints, [*jobs, "--available-now"])
        with driver(tmp_path, city.endpoints, jobs) as running:
            comes("with")
            own_servers.kill("registry")
            comes("without")
            assert running.poll() is None, said(tmp_path)
        with driver(tmp_path, city.endpoints, jobs) as running:
            comes("started-without")
            assert running.poll() is None, said(tmp_path)
    finally:
        connector.kill()
        connector.wait()
    assert set(entities(context, city.tenant)) == {"first", "with", "without", "started-without"}
