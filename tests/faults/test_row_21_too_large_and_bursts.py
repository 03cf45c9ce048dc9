"""Row 21, DLQ: records of 2 MB and 20 MB, and a burst of a hundred times the usual; memory stays bounded."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, Producer

from connectors.feed import Feed
from runtime.dead_letters import MAX_PAYLOAD_BYTES
from runtime.kafka import ensure_topics
from schemas import contract
from tests.connectors.scripted import ScriptedServer, answer
from tests.faults.background import in_background
from tests.faults.memory import memory_of
from tests.faults.sources import folder, radio, station
from tests.servers.ingesting import City, message
from tests.servers.stacks import Stack, until

pytestmark = [pytest.mark.servers, pytest.mark.faults]

MB = 1_000_000
WEATHER = contract("weather_observed")
USUAL = 200
BURST = 100 * USUAL
GROWTH_MB = 150  # a body of 22 MB is held as bytes, as text and as values for a moment
BURST_GROWTH_MB = 100
PADDING = "x" * 10_000  # in each message of the burst: twice what may be held of it
HALT_SECONDS = 3.0
DRAIN_SECONDS = 120


@contextmanager
def connector(city: City, feed: Feed) -> Iterator[subprocess.Popen[bytes]]:
    """The feed's connector as a process, killed at the end."""
    process = city.process(feed)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def large(name: str, size: int) -> bytes:
    """An observation that says its temperature at length."""
    return message(name, 1, "x" * size)


def padded(name: str) -> bytes:
    """An observation with something beside it that nobody asks for."""
    return json.dumps({**json.loads(message(name, 1)), "padding": PADDING}).encode()


def come(city: City, *names: str) -> bool:
    return set(names) <= set(city.entities())


def test_lines_that_are_too_long_are_dead_letters_and_the_others_arrive(own_kafka: Stack, tmp_path: Path) -> None:
    city = City(own_kafka.up(), tmp_path)
    source = folder(city)
    with connector(city, source.feed) as running:
        source.give(["warm"])
        until(lambda: come(city, "warm"), "it is at work", DRAIN_SECONDS)
        with memory_of(running.pid) as memory:
            lines = [message("a", 1), large("l2", 2 * MB), message("b", 1), large("l20", 20 * MB), message("c", 1)]
            (tmp_path / "drop" / "large.jsonl").write_bytes(b"\n".join(lines))
            until(lambda: come(city, "a", "b", "c"), "those of a usual size are there", DRAIN_SECONDS)
    assert city.entities() == ["a", "b", "c", "warm"]
    assert [letter["reason"] for letter in city.events("dead_letter")] == ["too_large"] * 2
    assert memory.growth < GROWTH_MB


def test_records_that_are_too_large_within_an_answer_are_dead_letters_cut_short(
    own_kafka: Stack, tmp_path: Path
) -> None:
    city = City(own_kafka.up(), tmp_path)
    bodies = [message("warm", 1)], [message("a", 1), large("l2", 2 * MB), large("l20", 20 * MB), message("b", 1)]
    answers = [answer(body=b"[%s]" % b",".join(body)) for body in bodies]
    with in_background(ScriptedServer(answers).running()) as server:
        feed = city.feed("portal", {"kind": "http", "url": server.url, "period_seconds": 1})
        with connector(city, feed) as running:
            until(lambda: come(city, "warm"), "it is at work", DRAIN_SECONDS)
            with memory_of(running.pid) as memory:
                until(lambda: come(city, "a", "b"), "those of a usual size are there", DRAIN_SECONDS)
                until(lambda: len(server.requests) > 4, "the same came again", DRAIN_SECONDS)
    assert city.entities() == ["a", "b", "warm"]
    letters = sorted(city.events("dead_letter"), key=lambda letter: letter["payload_size_bytes"])
    assert [letter["payload_size_bytes"] // MB for letter in letters] == [2, 20]
    assert [len(letter["payload"]) for letter in letters] == [MAX_PAYLOAD_BYTES] * 2
    assert memory.growth < GROWTH_MB


@pytest.mark.parametrize("size", [2.2 * MB, 20 * MB])
def test_kafka_takes_no_message_that_is_too_large_from_anyone(own_kafka: Stack, size: float) -> None:
    bootstrap = own_kafka.up().kafka_bootstrap
    ensure_topics(bootstrap, [WEATHER])
    said: list[KafkaError | None] = []
    client = Producer({"bootstrap.servers": bootstrap, "message.max.bytes": 30 * MB})
    client.produce(WEATHER.topic, os.urandom(int(size)), on_delivery=lambda error, _: said.append(error))
    assert client.flush(DRAIN_SECONDS) == 0
    assert [error.code() for error in said if error] == [KafkaError.MSG_SIZE_TOO_LARGE]


@pytest.mark.faults
def test_a_burst_waits_at_its_source_while_kafka_does_not_take_it(own_kafka: Stack, tmp_path: Path) -> None:
    city = City(own_kafka.up(), tmp_path)
    source = radio(city)
    topic = f"{city.tenant}/weather".encode()

    async def burst(names: list[str]) -> None:
        async with station(city) as sender:
            await sender.send((topic, padded(name)) for name in names)
            await sender.drain()

    usual, many = [f"usual-{n}" for n in range(USUAL)], [f"burst-{n}" for n in range(BURST)]
    with connector(city, source.feed) as running:
        asyncio.run(burst(usual))
        until(lambda: come(city, *usual), "it is at work", DRAIN_SECONDS)
        with memory_of(running.pid) as memory:
            with own_kafka.halted("kafka"):
                asyncio.run(asyncio.wait_for(burst(many), DRAIN_SECONDS))
            until(lambda: come(city, *many), "the burst is over", DRAIN_SECONDS)
    assert set(city.entities()) == {*usual, *many}
    assert city.events("dead_letter") == []
    assert memory.growth < BURST_GROWTH_MB
