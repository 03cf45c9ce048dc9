"""Row 22, SET: the MQTT broker killed and brought back; what it acknowledged to a station is in Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.transports._mqtt_connection import Connection, MqttError, Session
from runtime.endpoints import Endpoints
from runtime.local import process
from simulator.serving.publisher import Publisher
from tests.faults.sources import radio, station
from tests.servers.ingesting import City, message, until
from tests.servers.stacks import Stack, stack_of_its_own

pytestmark = [pytest.mark.servers, pytest.mark.faults]

MESSAGES = 2_000
WAITING_MESSAGES = 200_000
STATIONS = 5_000
BATCH = 1_000
HEAP_AND_REST_MB = 450
LIMIT_SECONDS = 400


def test_nothing_that_it_acknowledged_is_lost(own_kafka: Stack, tmp_path: Path) -> None:
    city = City(own_kafka.up(), tmp_path)
    source = radio(city)

    async def restarted() -> None:
        own_kafka.kill("mqtt")
        await asyncio.to_thread(own_kafka.up)

    async def main() -> None:
        async with station(city) as sender:
            async with city.ingesting(source.feed):
                sending = asyncio.create_task(_send(city, sender, "live"))
                await until(lambda: sender.acknowledged > 0, "the first are taken")
                assert not sending.done()
                await restarted()
                await sending
            await _send(city, sender, "away")
            await restarted()
            async with city.ingesting(source.feed):
                await sender.drain()
                await city.until_settled({*_names("live"), *_names("away")})
            assert sender.connections == 3

    asyncio.run(main())
    assert set(city.entities()) == {*_names("live"), *_names("away")}


def _names(when: str) -> list[str]:
    return [f"{when}-{n}" for n in range(MESSAGES)]


async def _send(city: City, sender: Publisher, when: str) -> None:
    topic = f"{city.tenant}/weather".encode()
    await sender.send((topic, message(name, 1)) for name in _names(when))


@pytest.fixture
def broker_alone() -> Iterator[Stack]:
    with stack_of_its_own("mqtt") as made:
        yield made


@pytest.mark.faults
def test_what_waits_for_a_subscriber_that_is_away_takes_disk_and_not_memory(broker_alone: Stack) -> None:
    endpoints = broker_alone.up()
    before = broker_alone.pids("mqtt")
    asyncio.run(_fill(endpoints))
    memory_mb = process.memory_of(before)
    found = asyncio.run(_read_all(endpoints))
    assert broker_alone.pids("mqtt") == before
    assert found == {str(n).encode() for n in range(WAITING_MESSAGES)}
    assert memory_mb < HEAP_AND_REST_MB


def _session(endpoints: Endpoints) -> Session:
    login = (endpoints.mqtt_url or "", endpoints.mqtt_user, endpoints.mqtt_password)
    return Session(*login, client_id="away", expiry_seconds=3600, receive_maximum=2_000)


async def _fill(endpoints: Endpoints) -> None:
    """Leave a subscription, and publish to it from many stations, each with a topic of its own."""
    async with Connection(_session(endpoints)) as connection:
        await connection.subscribe(["city/#"], ())
    async with asyncio.timeout(LIMIT_SECONDS), station(City(endpoints, Path())) as sender:
        for first in range(0, WAITING_MESSAGES, BATCH):
            numbers = range(first, first + BATCH)
            await sender.send((b"city/%d" % (n % STATIONS), b"%-200d" % n) for n in numbers)
        await sender.drain()


async def _read_all(endpoints: Endpoints) -> set[bytes]:
    found: set[bytes] = set()
    async with asyncio.timeout(LIMIT_SECONDS):
        while len(found) < WAITING_MESSAGES:
            try:
                await _read(endpoints, found)
            except MqttError:
                await asyncio.sleep(1)
    return found


async def _read(endpoints: Endpoints, found: set[bytes]) -> None:
    async with Connection(_session(endpoints)) as connection:
        await connection.subscribe(["city/#"], ())
        while len(found) < WAITING_MESSAGES:
            got = await connection.message()
            found.add(got.payload.rstrip())
            connection.acknowledge(got.number)
            if len(found) % BATCH == 0:
                await asyncio.sleep(0)
