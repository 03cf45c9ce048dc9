"""Row 19, CONT: connections silent, late, slow, refused or cut; every wait has a limit, and all goes on afterwards.

Kafka is not among them: its clients go to the address that it tells them, past any proxy. A broker that is halted,
which is as silent as one behind a broken network, is in row 2 and in the soak.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from connectors.transports import _mqtt_connection
from jobs.engine.context import Context
from runtime import registry
from runtime.elastic import bulk
from runtime.elastic.client import client
from runtime.endpoints import Endpoints
from runtime.settings import PROJECT
from tests.connectors.scripted import ScriptedServer
from tests.faults.background import in_background
from tests.faults.figures import entities
from tests.faults.proxy import Proxy, before
from tests.faults.sources import Portal, folder, radio, station
from tests.servers.drivers import driver, said
from tests.servers.ingesting import City, message
from tests.servers.stacks import until

pytestmark = [pytest.mark.servers, pytest.mark.faults]

OWN_NETWORK = ("unshare", "--net", "--map-root-user")
SILENCE_SECONDS = 75.0  # longer than a client of Elasticsearch waits
DRAIN_SECONDS = 240
LIMIT_SECONDS = 60
Fault = Callable[[Proxy], None]


def late(proxy: Proxy) -> None:
    proxy.latency_seconds = 0.2


def slow(proxy: Proxy) -> None:
    proxy.bytes_per_second = 50_000


def silent(proxy: Proxy) -> None:
    proxy.is_silent = True


def refused(proxy: Proxy) -> None:
    proxy.refuses = True
    proxy.reset()


def cut(proxy: Proxy) -> None:
    proxy.cut_after_bytes = 200


FAULTS: dict[str, Fault] = {f.__name__: f for f in (late, slow, silent, refused, cut)}
BLOCKING = ("silent", "refused", "cut")  # nothing comes through meanwhile


def healed(proxy: Proxy) -> None:
    proxy.latency_seconds, proxy.bytes_per_second, proxy.cut_after_bytes = 0.0, None, None
    proxy.is_silent = proxy.refuses = False


@contextmanager
def network(url: str) -> Iterator[Proxy]:
    with in_background(before(url).running()) as proxy:
        yield proxy


def test_polls_go_on_after_every_fault(servers: Endpoints, tmp_path: Path) -> None:
    city, has = City(servers, tmp_path), Portal()

    async def main(proxy: Proxy, url: str) -> None:
        limits = {"read_timeout_seconds": 0.5, "total_timeout_seconds": 2}
        pace = {"period_seconds": 0.05, "retry_seconds": 0.05, "max_retry_seconds": 0.5}
        feed = city.feed("portal", {"kind": "http", "url": url, **limits, **pace})
        async with city.ingesting(feed):
            for name, fault in FAULTS.items():
                connections = proxy.connections
                fault(proxy)
                has.names += [f"{name}-{n}" for n in range(20)]
                if name in BLOCKING:
                    await asyncio.to_thread(until, lambda c=connections: proxy.connections >= c + 3, name)
                    healed(proxy)
                await city.until_settled(set(has.names))
                healed(proxy)

    with in_background(ScriptedServer([has]).running()) as server, network(server.url) as proxy:
        asyncio.run(main(proxy, proxy.url(server.url)))
    assert city.entities() == sorted(has.names)


@pytest.mark.faults
def test_messages_by_mqtt_come_after_every_fault(
    servers: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_mqtt_connection, "KEEP_ALIVE_SECONDS", 1)
    monkeypatch.setattr(_mqtt_connection, "ANSWER_SECONDS", 1)
    direct = City(servers, tmp_path)
    source = radio(direct)
    topic = f"{direct.tenant}/weather".encode()
    given = [f"{name}-{n}" for name in FAULTS for n in range(50)]

    async def main(proxy: Proxy) -> None:
        away = servers.model_copy(update={"mqtt_url": proxy.url(servers.mqtt_url or "")})
        through = City(away, tmp_path, direct.tenant)
        async with through.ingesting(source.feed), station(direct) as sender:
            await asyncio.to_thread(until, lambda: proxy.connections > 0, "it is connected")
            for name, fault in FAULTS.items():
                connections = proxy.connections
                fault(proxy)
                await sender.send((topic, message(n, 1)) for n in given if n.startswith(name))
                await sender.drain()
                if name in BLOCKING:
                    await asyncio.to_thread(until, lambda c=connections: proxy.connections > c, f"left: {name}")
                    healed(proxy)
                await direct.until_settled({n for n in given if n.startswith(name)})
                healed(proxy)

    with network(servers.mqtt_url or "") as proxy:
        asyncio.run(main(proxy))
    assert set(direct.entities()) == set(given)


@pytest.mark.faults
def test_documents_are_in_elasticsearch_after_every_fault(servers: Endpoints) -> None:
    index = f"network-{int(time.time())}"
    actions = [bulk.Action(index, str(n), 1, b'{"n":%d}' % n) for n in range(4_000)]
    with network(servers.elasticsearch_url) as proxy:
        away = servers.model_copy(update={"elasticsearch_url": proxy.url(servers.elasticsearch_url)})
        with client(away, timeout_seconds=1.0) as es:
            for number, (name, fault) in enumerate(FAULTS.items()):
                fault(proxy)
                healing = Timer(2.5, healed, (proxy,))
                healing.start()
                outcome = bulk.write(es, actions[number * 800 : (number + 1) * 800], visible=True)
                healing.join()
                assert (outcome.written + outcome.unchanged, outcome.refused) == (800, []), name
    with client(servers) as es:
        assert es.count(index=index)["count"] == len(actions)
        es.indices.delete(index=index)


@pytest.mark.faults
def test_connectors_start_while_the_registry_says_nothing(
    servers: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "TIMEOUT_SECONDS", 0.5)
    direct = City(servers, tmp_path)
    source = folder(direct)

    async def brought(city: City, name: str) -> None:
        async with city.ingesting(source.feed):
            source.give([name])
            await direct.until_settled({name})

    with network(servers.schema_registry_url) as proxy:
        away = servers.model_copy(update={"schema_registry_url": proxy.url(servers.schema_registry_url)})
        through = City(away, tmp_path, direct.tenant)
        asyncio.run(brought(through, "well"))
        for name in BLOCKING:
            FAULTS[name](proxy)
            asyncio.run(brought(through, name))
            healed(proxy)
    assert set(direct.entities()) == {"well", *BLOCKING}


@pytest.fixture(scope="module")
def own_network() -> None:
    """Skips where this machine lets no one have a network of their own, and says what it said."""
    try:
        tried = subprocess.run([*OWN_NETWORK, "ip", "link", "set", "lo", "up"], capture_output=True, text=True)
    except FileNotFoundError as e:
        pytest.skip(f"no network of one's own here: {e}")
    if tried.returncode != 0:
        pytest.skip(f"no network of one's own here: {tried.stderr.strip()}")


@pytest.mark.usefixtures("own_network")
def test_a_partition_without_a_word_costs_a_poll_its_time_limit_and_no_more() -> None:
    command = [*OWN_NETWORK, sys.executable, "-m", "tests.faults.partitioned"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=LIMIT_SECONDS)
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    assert seen["before"] >= 3
    assert seen["during"] == 0
    assert seen["errors"][0] == "timeout"


@pytest.mark.faults
@pytest.mark.spark
def test_a_driver_outlasts_a_silent_elasticsearch(servers: Endpoints, tmp_path: Path) -> None:
    city = City(servers, tmp_path)
    source = folder(city)
    context = Context(servers, tmp_path)
    connector = city.process(source.feed)
    try:
        with network(servers.elasticsearch_url) as proxy:
            away = servers.model_copy(update={"elasticsearch_url": proxy.url(servers.elasticsearch_url)})
            with driver(tmp_path, away, ["observations"]) as running:
                _come(source.give, context, city, "before")
                silent(proxy)
                source.give(["silent"])
                with pytest.raises(subprocess.TimeoutExpired):
                    running.wait(SILENCE_SECONDS)
                proxy.reset()
                healed(proxy)
                late(proxy)
                _come(source.give, context, city, "late")
                assert running.poll() is None, said(tmp_path)
    finally:
        connector.kill()
        connector.wait()
    assert sorted(entities(context, city.tenant)) == ["before", "late", "silent"]


def _come(give: Callable[[list[str]], None], context: Context, city: City, name: str) -> None:
    give([name])
    until(lambda: name in entities(context, city.tenant), f"{name} is indexed", DRAIN_SECONDS)
