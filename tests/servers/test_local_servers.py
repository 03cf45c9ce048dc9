"""The real servers do what Garonne relies on, and come back with their data after any of them is killed."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import aiomqtt
import httpx2
import psutil
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from elasticsearch import AuthenticationException, Elasticsearch
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from runtime.endpoints import Endpoints
from runtime.local import process, stack
from runtime.local.ports import LOOPBACK
from runtime.settings import Settings
from tests.servers.stacks import alive, kill, members, until

pytestmark = pytest.mark.servers

PEOPLE = {"type": "record", "name": "Person", "fields": [{"name": "name", "type": "string"}]}
NO_DEFAULT = {**PEOPLE, "fields": [*PEOPLE["fields"], {"name": "age", "type": "int"}]}


@dataclass(frozen=True)
class Kafka:
    bootstrap: str

    def make_topic(self, topic: str) -> None:
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)

    def produce(self, topic: str, *values: str) -> None:
        failed: list[object] = []
        producer = Producer({"bootstrap.servers": self.bootstrap, "acks": "all", "enable.idempotence": True})
        for value in values:
            producer.produce(topic, value, on_delivery=lambda error, _: failed.append(error) if error else None)
        assert producer.flush(30) == 0
        assert failed == []

    def consume(self, topic: str, count: int) -> list[str]:
        group = {"group.id": uuid4().hex, "auto.offset.reset": "earliest"}
        consumer = Consumer({"bootstrap.servers": self.bootstrap, **group})
        consumer.subscribe([topic])
        try:
            messages = consumer.consume(count, timeout=30)
            return [message.value().decode() for message in messages]
        finally:
            consumer.close()


@dataclass(frozen=True)
class Registry:
    url: str

    def register(self, subject: str, schema: object) -> httpx2.Response:
        body = {"schema": json.dumps(schema)}
        return httpx2.post(f"{self.url}/subjects/{subject}/versions", json=body, timeout=30)

    def require_backward(self, subject: str) -> None:
        answer = httpx2.put(f"{self.url}/config/{subject}", json={"compatibility": "BACKWARD"}, timeout=30)
        answer.raise_for_status()


@pytest.fixture
def kafka(servers: Endpoints) -> Kafka:
    return Kafka(servers.kafka_bootstrap)


@pytest.fixture
def registry(servers: Endpoints) -> Registry:
    return Registry(servers.schema_registry_url)


@pytest.fixture
def search(servers: Endpoints) -> Iterator[Elasticsearch]:
    assert servers.elasticsearch_user
    assert servers.elasticsearch_password
    login = (servers.elasticsearch_user, servers.elasticsearch_password.get_secret_value())
    with Elasticsearch(servers.elasticsearch_url, basic_auth=login, request_timeout=30) as client:
        yield client


def mqtt(servers: Endpoints, name: str, password: str | None = None, *, clean: bool = True) -> aiomqtt.Client:
    assert servers.mqtt_url
    assert servers.mqtt_password
    address = urlsplit(servers.mqtt_url)
    kept = Properties(PacketTypes.CONNECT)
    kept.SessionExpiryInterval = 0 if clean else 3600
    return aiomqtt.Client(
        hostname=address.hostname or "",
        port=address.port or 0,
        username=servers.mqtt_user,
        password=password or servers.mqtt_password.get_secret_value(),
        protocol=aiomqtt.ProtocolVersion.V5,
        identifier=name,
        clean_start=clean,
        properties=kept,
        timeout=20,
    )


async def leave_a_subscription(servers: Endpoints, name: str, topic: str) -> None:
    async with mqtt(servers, name, clean=False) as client:
        await client.subscribe(topic, qos=1)


async def publish(servers: Endpoints, topic: str, *texts: str) -> None:
    async with mqtt(servers, uuid4().hex) as client:
        for text in texts:
            await client.publish(topic, text, qos=1)


async def received(servers: Endpoints, name: str, count: int) -> list[str]:
    found: list[str] = []
    async with asyncio.timeout(30), mqtt(servers, name, clean=False) as client:
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            found.append(message.payload.decode())
            if len(found) == count:
                break
    return found


def test_what_is_produced_is_consumed(kafka: Kafka) -> None:
    topic = f"test-{uuid4().hex}"
    kafka.make_topic(topic)
    kafka.produce(topic, "a", "b", "c")
    assert kafka.consume(topic, 3) == ["a", "b", "c"]


def test_a_topic_is_not_made_by_a_typing_mistake(kafka: Kafka) -> None:
    topic = f"mistake-{uuid4().hex}"
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.list_topics(topic, timeout=10)
    assert topic not in admin.list_topics(timeout=10).topics


def test_a_schema_that_old_data_cannot_be_read_with_is_refused(registry: Registry) -> None:
    subject = f"test-{uuid4().hex}-value"
    assert registry.register(subject, PEOPLE).status_code == 200
    registry.require_backward(subject)
    assert registry.register(subject, NO_DEFAULT).status_code == 409
    with_default = {**PEOPLE, "fields": [*PEOPLE["fields"], {"name": "age", "type": "int", "default": 0}]}
    assert registry.register(subject, with_default).status_code == 200


def test_elasticsearch_takes_the_password_and_refuses_everyone_else(search: Elasticsearch, servers: Endpoints) -> None:
    index = f"test-{uuid4().hex}"
    search.index(index=index, id="1", document={"city": "Toulouse"}, refresh=True)
    assert search.get(index=index, id="1")["_source"] == {"city": "Toulouse"}
    search.indices.delete(index=index)
    for wrong in (None, ("elastic", "changeme")):
        with (
            Elasticsearch(servers.elasticsearch_url, basic_auth=wrong) as stranger,
            pytest.raises(AuthenticationException),
        ):
            stranger.info()


def test_the_broker_keeps_messages_for_a_client_that_is_away(servers: Endpoints) -> None:
    name, topic = uuid4().hex, f"test/{uuid4().hex}"
    sent = [str(number) for number in range(200)]
    asyncio.run(leave_a_subscription(servers, name, topic))
    asyncio.run(publish(servers, topic, *sent))
    assert asyncio.run(received(servers, name, len(sent))) == sent


def test_the_broker_refuses_a_wrong_password(servers: Endpoints) -> None:
    async def enter() -> None:
        async with mqtt(servers, uuid4().hex, "guessed"):
            pass

    with pytest.raises(aiomqtt.MqttError):
        asyncio.run(enter())


def test_everything_listens_on_the_loopback_only(servers: Endpoints, server_settings: Settings) -> None:
    assert servers.kafka_bootstrap.startswith(LOOPBACK)
    pids = {pid for server in stack.SERVERS for pid in members(server_settings, server.name)}
    addresses = {c.laddr.ip for pid in pids for c in listening(pid)}
    assert addresses <= {LOOPBACK, f"::ffff:{LOOPBACK}"}
    assert addresses


def test_a_second_up_changes_nothing(servers: Endpoints, server_settings: Settings) -> None:
    before = {server.name: server.pid for server in stack.status(server_settings)}
    assert stack.up(server_settings) == servers
    assert {server.name: server.pid for server in stack.status(server_settings)} == before
    assert {server.state for server in stack.status(server_settings)} == {"running"}


def test_after_every_server_was_killed_up_brings_them_back_with_their_data(
    servers: Endpoints, server_settings: Settings, kafka: Kafka, registry: Registry, search: Elasticsearch
) -> None:
    name = f"kept-{uuid4().hex}"
    kafka.make_topic(name)
    kafka.produce(name, "a", "b")
    number = registry.register(f"{name}-value", {**PEOPLE, "namespace": f"n{uuid4().hex}"}).json()["id"]
    search.index(index=name, id="1", document={"city": "Toulouse"})
    asyncio.run(leave_a_subscription(servers, name, name))
    asyncio.run(publish(servers, name, "waiting"))

    for server in stack.ALL:
        kill(members(server_settings, server))
    assert {server.state for server in stack.status(server_settings)} == {"stopped"}

    assert stack.up(server_settings) == servers
    assert kafka.consume(name, 2) == ["a", "b"]
    assert httpx2.get(f"{registry.url}/schemas/ids/{number}", timeout=30).status_code == 200
    assert search.get(index=name, id="1")["_source"] == {"city": "Toulouse"}
    assert asyncio.run(received(servers, name, 1)) == ["waiting"]
    search.indices.delete(index=name)


def test_what_a_killed_launcher_of_elasticsearch_leaves_is_replaced(
    servers: Endpoints, server_settings: Settings, search: Elasticsearch
) -> None:
    launcher = pid_of(server_settings, "elasticsearch")
    kill([launcher])
    assert stack.up(server_settings) == servers
    assert pid_of(server_settings, "elasticsearch") != launcher
    assert search.ping()


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process that is not ours to end."""
    with subprocess.Popen(["sleep", "300"], start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def broker_alone(server_settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    """Settings with which only the MQTT broker, which is quick, is started; it is stopped after the test."""
    given = dict.fromkeys(("kafka_bootstrap", "schema_registry_url", "elasticsearch_url"), "127.0.0.1:1")
    alone = server_settings.model_copy(update={**given, "state": tmp_path})
    yield alone
    stack.reset(alone)


def test_down_ends_what_up_started_and_nothing_else(broker_alone: Settings, bystander: subprocess.Popen[bytes]) -> None:
    stack.up(broker_alone)
    started = members(broker_alone, "mqtt")
    assert stack.down(broker_alone) == ["mqtt"]
    assert started
    assert not any(alive(pid) for pid in started)
    assert bystander.poll() is None
    assert stack.down(broker_alone) == []


def test_a_port_that_another_took_meanwhile_is_replaced(broker_alone: Settings) -> None:
    first = urlsplit(stack.up(broker_alone).mqtt_url).port
    assert isinstance(first, int)
    stack.down(broker_alone)
    with socket.create_server((LOOPBACK, first)):
        second = urlsplit(stack.up(broker_alone).mqtt_url).port
    assert second != first


def test_after_up_itself_was_killed_the_next_up_finishes_its_work(broker_alone: Settings) -> None:
    code = (
        "import sys; from pathlib import Path; from runtime.local import stack; from runtime.settings import settings\n"
        "stack.up(settings().model_copy(update={'state': Path(sys.argv[1])}))"
    )
    given = {name.upper(): "127.0.0.1:1" for name in ("kafka_bootstrap", "schema_registry_url", "elasticsearch_url")}
    with subprocess.Popen([sys.executable, "-c", code, broker_alone.state], env={**os.environ, **given}) as first:
        until((broker_alone.state / "run" / "mqtt.pid.json").exists, "the broker is started")
        first.kill()
    orphan = pid_of(broker_alone, "mqtt")
    assert stack.up(broker_alone).mqtt_url
    assert pid_of(broker_alone, "mqtt") == orphan


def pid_of(settings: Settings, server: str) -> int:
    running = process.recorded(settings.state / "run" / f"{server}.pid.json")
    assert running is not None
    return running.pid


def listening(pid: int) -> list[Any]:
    return [found for found in psutil.Process(pid).net_connections("tcp") if found.status == psutil.CONN_LISTEN]
