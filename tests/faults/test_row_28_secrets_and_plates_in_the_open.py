"""Row 28: no password, key or plate stands in a log, a metric, a document, a dead letter, a file or a process list.

The secrets of the test's own servers are searched for, others that are wrong, and plates that are in payloads and in no
mapping. A dead letter has the bytes that were refused, plates and all: its contract is private, and it is kept for 30
days. What drivers say is not searched. No contract has a field that is personal yet; a test fails when the first one
comes without a treatment.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx2
import psutil
import pytest
import yaml
from google.transit.gtfs_realtime_pb2 import FeedMessage

from runtime.elastic.client import client
from runtime.elastic.documents import found
from runtime.endpoints import Endpoints
from runtime.settings import PROJECT
from schemas import contracts
from schemas.contract import Sensitivity
from tests.connectors.scripted import LOCAL, Request, ScriptedServer, answer
from tests.faults.background import in_background
from tests.servers.indexing import index_tenants
from tests.servers.ingesting import City, messages
from tests.servers.stacks import until

LIMIT_SECONDS = 120
KEPT = {"secrets", "endpoints.json"}  # where passwords are kept, for their owner alone
PLATE = "AB-345-CD"


def canary() -> str:
    return f"canary{uuid.uuid4().hex}"


@dataclass
class Said:
    """All that was said where somebody might read it, by where."""

    secrets: dict[str, str]
    texts: dict[str, str] = field(default_factory=dict)

    def add(self, where: str, text: str | bytes) -> None:
        known = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        self.texts[where] = self.texts.get(where, "") + known

    @property
    def leaks(self) -> list[str]:
        """Which secret stands where, in clear or in base64."""
        forms = {name: {value, base64.b64encode(value.encode()).decode()} for name, value in self.secrets.items()}
        return [f"{n} in {w}" for w, text in self.texts.items() for n, f in forms.items() if any(x in text for x in f)]


@dataclass
class Desk:
    """Where commands are run, with secrets in their environment; all they say is kept."""

    city: City
    said: Said
    environment: Mapping[str, str]

    def run(self, *words: str, **changes: str) -> subprocess.CompletedProcess[str]:
        environment = {**self.environment, **changes}
        command = [sys.executable, "-m", "garonne", *words]
        done = subprocess.run(
            command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=LIMIT_SECONDS
        )
        self.said.add(" ".join(words), done.stdout + done.stderr)
        return done

    @contextmanager
    def running(self, name: str, *words: str, **changes: str) -> Iterator[subprocess.Popen[bytes]]:
        """A command that goes on; its output, its metrics and the command lines of its processes are kept."""
        path = self.city.state / f"{name}.log"
        environment = {**self.environment, **changes}
        with path.open("wb") as log:
            started = subprocess.Popen(
                [sys.executable, "-m", "garonne", *words], cwd=PROJECT, env=environment, stdout=log, stderr=log
            )
        try:
            yield started
            self.said.add(f"metrics of {name}", self.metrics())
        finally:
            family = [psutil.Process(started.pid), *psutil.Process(started.pid).children(recursive=True)]
            for p in family:
                self.said.add(f"command line of {name}", Path(f"/proc/{p.pid}/cmdline").read_bytes())
            started.terminate()
            try:
                started.wait(30)
            except subprocess.TimeoutExpired:
                for p in family:
                    p.kill()
                started.wait()

    def metrics(self) -> str:
        """The metrics page of the processes that run on this state folder."""
        ports = [json.loads(p.read_text())["metrics_port"] for p in (self.city.state / "processes").glob("*.json")]
        return "".join(httpx2.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text for port in ports)

    def files(self) -> None:
        """Keep every file of the state folder, but those that are for secrets."""
        for path in self.city.state.rglob("*"):
            parts = path.relative_to(self.city.state).parts
            if path.is_file() and not KEPT & set(parts):
                self.said.add(f"file {'/'.join(parts)}", path.read_bytes())


@pytest.fixture
def desk(servers: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    city = City(servers, tmp_path)
    password, broker = servers.elasticsearch_password, servers.mqtt_password
    assert password
    assert broker
    secrets = {name: canary() for name in ("header", "user", "parameter", "mqtt", "wrong", "registry")}
    secrets |= {"Elasticsearch": password.get_secret_value(), "broker": broker.get_secret_value(), "plate": PLATE}
    registry = urlsplit(servers.schema_registry_url)
    with_user = urlunsplit(registry._replace(netloc=f"city:{secrets['registry']}@{registry.netloc}"))
    for name in ("header", "mqtt", "user", "parameter"):
        monkeypatch.setenv(f"TEST_{name.upper()}", secrets[name])
    monkeypatch.delenv("ELASTICSEARCH_API_KEY", raising=False)
    environment = {
        **os.environ,
        "GARONNE_STATE": str(tmp_path),
        "KAFKA_BOOTSTRAP": servers.kafka_bootstrap,
        "SCHEMA_REGISTRY_URL": with_user,
        "ELASTICSEARCH_URL": servers.elasticsearch_url,
        "ELASTICSEARCH_USER": servers.elasticsearch_user or "",
        "ELASTICSEARCH_PASSWORD": secrets["Elasticsearch"],
        "MQTT_URL": servers.mqtt_url or "",
        "MQTT_USER": servers.mqtt_user or "",
        "MQTT_PASSWORD": secrets["broker"],
    }
    return Desk(city, Said(secrets), environment)


def feeds_of(desk: Desk, port: int) -> Path:
    """A portal that wants secrets in header and address, vehicles with plates, and a broker that refuses."""
    city = desk.city
    address = f"http://city:${{TEST_USER}}@127.0.0.1:{port}"
    headers = {"X-Api-Key": {"env": "TEST_HEADER"}}
    often = {"kind": "http", **LOCAL, "period_seconds": 0.2, "retry_seconds": 0.1, "headers": headers}
    city.feed("portal", {**often, "url": f"{address}/portal?token=${{TEST_PARAMETER}}"})
    vehicles = city.path(f"{city.tenant}-vehicles")
    described = yaml.safe_load(city.path(f"{city.tenant}-portal").read_text())
    transport = {**often, "url": f"{address}/vehicles"}
    vehicles.write_text(
        yaml.safe_dump(
            {**described, "event": "vehicle_position", "transport": transport, "format": {"kind": "gtfs_rt"}}
        )
    )
    broker = {"kind": "mqtt", "url": city.endpoints.mqtt_url, "topics": ["none"], "user": "nobody"}
    city.feed("broker", {**broker, "password": {"env": "TEST_MQTT"}, "retry_seconds": 0.2})
    return vehicles.parent


class Source:
    """Refuses, fails, and then says something with a plate in it."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, request: Request) -> bytes:
        self.asked += 1
        if self.asked <= 4:
            return answer("401 Unauthorized") if self.asked % 2 else answer("500 Internal Server Error")
        if request.target.startswith("/vehicles"):
            return answer(body=_vehicle())
        good = {"id": "a", "at": "2026-07-14T10:00:00Z", "t": 20.5, "plaque": PLATE}
        bad = {"id": "b", "at": "never", "t": 20.5}
        return answer(body=json.dumps([good, bad]).encode())


def _vehicle() -> bytes:
    """A vehicle that has no other name than its plate."""
    feed = FeedMessage()
    feed.header.gtfs_realtime_version = "2.0"
    entity = feed.entity.add(id="1")
    entity.vehicle.timestamp = 1_784_023_200
    entity.vehicle.vehicle.license_plate = PLATE
    entity.vehicle.position.latitude, entity.vehicle.position.longitude = 43.6, 1.44
    return feed.SerializeToString()


@pytest.mark.servers
@pytest.mark.faults
def test_connectors_and_commands_keep_secrets_and_plates_to_themselves(desk: Desk) -> None:
    city, servers = desk.city, desk.city.endpoints
    with in_background(ScriptedServer([Source()]).running()) as server:
        folder = feeds_of(desk, server.port)
        with desk.running("connectors", "ingest", str(folder)):
            accepted = [f'feed="{city.tenant}-{name}",outcome="accepted"' for name in ("portal", "vehicles")]
            for what in (*accepted, 'outcome="rejected"', 'kind="status_401"', 'kind="connection"'):
                until(lambda what=what: _counted(desk, what), what, LIMIT_SECONDS)  # type: ignore[misc]
        desk.run("feeds", "preview", str(city.path(f"{city.tenant}-portal")), "--seconds", "5")
        with_secret = f"http://city:{desk.said.secrets['user']}@127.0.0.1:1"
        desk.run("feeds", "check", str(folder))
    index_tenants(servers, city.state, city.tenant)
    away = {"ELASTICSEARCH_URL": with_secret, "MQTT_URL": with_secret.replace("http", "mqtt")}
    for words in (("doctor",), ("up",), ("status", "--watch", "0"), ("health", str(folder)), ("deadletters", "list")):
        desk.run(*words, ELASTICSEARCH_PASSWORD=desk.said.secrets["wrong"])
    for words in (("up",), ("status", "--watch", "0"), ("health", str(folder))):
        desk.run(*words, **away)
    desk.files()
    _keep_data(desk)
    assert "feed.paused" not in desk.said.texts["file connectors.log"]
    assert desk.said.leaks == []


def _counted(desk: Desk, label: str) -> bool:
    try:
        page = desk.metrics()
    except httpx2.HTTPError:
        return False
    counts = [line for line in page.splitlines() if "_total{" in line]  # and not when a count was begun
    return any(label in line and not line.endswith(" 0.0") for line in counts)


def _keep_data(desk: Desk) -> None:
    """Keep the tenant's messages in Kafka and its documents; there are some of each kind."""
    city = desk.city
    kinds: Sequence[str] = ("weather_observed", "vehicle_position", "dead_letter")
    for name in kinds:
        described = contracts()[name]
        in_kafka = messages(city.endpoints.kafka_bootstrap, described.topic)
        values = [m.value() or b"" for m in in_kafka if (m.key() or b"").startswith(city.tenant.encode())]
        there: dict[str, dict[str, Any]] = found(client(city.endpoints), described.alias, tenant=city.tenant)
        assert values
        assert there
        desk.said.add(f"{name} in Kafka", b"\n".join(values))
        for document in there.values():
            desk.said.add(f"{name} in Elasticsearch", json.dumps(document, ensure_ascii=False))
            desk.said.add(f"{name} in Elasticsearch", base64.b64decode(document.get("payload", "")))


def test_no_contract_has_a_personal_field_that_nobody_treats() -> None:
    personal = {
        f"{c.name}.{f.name}" for c in contracts().values() for f in c.fields if f.sensitivity is Sensitivity.PERSONAL
    }
    assert personal == set()
    assert {c.name for c in contracts().values() if c.declaration.sensitivity is Sensitivity.PERSONAL} == set()


def test_a_leak_would_be_seen() -> None:
    said = Said({"key": "canary", "other": "absent"})
    said.add("log", "nothing")
    said.add("metrics", b"x canary y")
    said.add("document", base64.b64encode(b"canary").decode())
    assert said.leaks == ["key in metrics", "key in document"]
