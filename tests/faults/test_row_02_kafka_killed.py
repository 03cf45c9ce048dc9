"""Row 2, SET and CONT: Kafka killed, or halted for a while, under connectors and a driver."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from pathlib import Path

import pytest

from jobs.engine.context import Context
from tests.faults.figures import entities
from tests.faults.sources import Source, folder
from tests.servers.drivers import driver, said
from tests.servers.ingesting import City
from tests.servers.stacks import Stack, until

pytestmark = [pytest.mark.servers, pytest.mark.faults]

HALT_SECONDS = 3.0
LONG_HALT_SECONDS = 60.0
DRAIN_SECONDS = 240


def names(of: str, count: int = 500) -> list[str]:
    return [f"{of}-{n}" for n in range(count)]


def test_connectors_wait_for_kafka_and_lose_nothing(own_kafka: Stack, tmp_path: Path) -> None:
    city = City(own_kafka.up(), tmp_path)
    source = folder(city)
    periods = ("before", "killed", "between", "halted", "after")

    async def main() -> None:
        async with city.ingesting(source.feed):
            source.give(names("before"))
            own_kafka.kill("kafka")
            source.give(names("killed"))
            await asyncio.to_thread(own_kafka.up)
            source.give(names("between"))
            with own_kafka.halted("kafka"):
                source.give(names("halted"))
                await asyncio.sleep(HALT_SECONDS)
            source.give(names("after"))
            await city.until_settled({n for period in periods for n in names(period)})

    asyncio.run(main())
    assert set(city.entities()) == {n for period in periods for n in names(period)}


@pytest.mark.faults
@pytest.mark.spark
def test_a_driver_goes_on_where_it_was_and_all_is_in_elasticsearch(own_servers: Stack, tmp_path: Path) -> None:
    city = City(own_servers.up(), tmp_path)
    source = folder(city)
    context = Context(city.endpoints, tmp_path)
    jobs = ["observations", "heat_island_hourly"]
    connector = city.process(source.feed)
    try:
        with driver(tmp_path, city.endpoints, jobs) as running:
            _give_and_wait(source, context, city, running, "before")
            own_servers.kill("kafka")
            source.give(names("killed"))
            own_servers.up()
            _give_and_wait(source, context, city, running, "between")
            with own_servers.halted("kafka"):
                source.give(names("halted"))
                with pytest.raises(subprocess.TimeoutExpired):
                    running.wait(LONG_HALT_SECONDS)
            _give_and_wait(source, context, city, running, "after")
        assert connector.poll() is None
    finally:
        connector.send_signal(signal.SIGKILL)
        connector.wait()
    given = {n for period in ("before", "killed", "between", "halted", "after") for n in names(period)}
    assert set(city.entities()) == given
    found = entities(context, city.tenant)
    assert set(found) == given
    assert len(found) == len(given)


def _give_and_wait(source: Source, context: Context, city: City, running: subprocess.Popen[bytes], period: str) -> None:
    """New observations, and all those before them, come to Elasticsearch while the same driver runs."""
    source.give(names(period))
    until(lambda: set(names(period)) <= set(entities(context, city.tenant)), period, DRAIN_SECONDS)
    assert running.poll() is None, said(context.state)
