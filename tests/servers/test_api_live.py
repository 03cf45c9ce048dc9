"""Live updates over real HTTP: what changes is heard, once, by those who may see it, while their key is valid."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from runtime.elastic.bulk import write
from runtime.elastic.client import client
from runtime.endpoints import Endpoints
from serving.access.keys import KEY, KeyStore
from serving.access.levels import Level
from serving.doors import live as door
from tests.servers.serving import HIDDEN, START, TENANTS, actions, documents, index, key, probes
from tests.servers.serving import listening as served
from tests.servers.stacks import until

pytestmark = pytest.mark.servers

CONTRACT = probes()["probe_observed"]


@pytest.fixture(scope="module")
def address(servers: Endpoints) -> Iterator[str]:
    index(client(servers), [CONTRACT])
    with served(servers) as found:
        yield f"{found}/api/v1/datasets/probe_observed"


@dataclass
class Heard:
    """What a client has heard so far."""

    events: list[tuple[str, Any]] = field(default_factory=list)
    has_ended: bool = False

    @property
    def states(self) -> list[Any]:
        return [data for event, data in self.events if event == "state"]


@contextmanager
def listening(address: str, headers: dict[str, str], **parameters: Any) -> Iterator[Heard]:
    heard = Heard()
    with (
        httpx2.Client(timeout=30) as asked,
        asked.stream("GET", f"{address}/live", params=parameters, headers=headers) as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream"), answer.read()
        thread = threading.Thread(target=_hear, args=(answer, heard))
        thread.start()
        until(lambda: bool(heard.events), "the stream has begun")
        yield heard
        _close(answer)
        thread.join(30)


def _hear(answer: httpx2.Response, heard: Heard) -> None:
    event = ""
    try:
        for line in answer.iter_lines():
            if line.startswith("event:"):
                event = line.removeprefix("event:").strip()
            elif line.startswith("data:"):
                heard.events.append((event, json.loads(line.removeprefix("data:"))))
    except (httpx2.HTTPError, OSError, ValueError):
        pass
    heard.has_ended = True


def _close(answer: httpx2.Response) -> None:
    stream = answer.extensions["network_stream"].get_extra_info("socket")
    with socket.socket(fileno=socket.dup(stream.fileno())) as copy:
        copy.shutdown(socket.SHUT_RDWR)


def change(servers: Endpoints, minutes: int, *entities: str) -> None:
    """New observations of entities, and so their new latest states."""
    at = START + timedelta(days=1, minutes=minutes)
    newest = {d["entity_id"]: d for d in documents(CONTRACT)}
    changed = ({**newest[e], "observed_at": at, "visits_count": minutes} for e in entities)
    write(client(servers), list(actions(CONTRACT, changed)), visible=True)


def test_each_identity_hears_what_it_may_see(address: str, servers: Endpoints) -> None:
    partner = key(servers, Level.PARTNER, "balma")
    with (
        listening(address, {}) as anybody,
        listening(address, partner) as holder,
        listening(address, {}, where="entity_id = 'balma-2'") as choosy,
    ):
        change(servers, 1, "balma-1", "balma-2", "aucamville-1")
        until(lambda: len(anybody.states) == 3 and len(holder.states) == 2 and bool(choosy.states), "all is heard")
        change(servers, 2, "balma-1")
        until(lambda: len(anybody.states) == 4 and len(holder.states) == 3, "the second change is heard")
    assert [s["visits_count"] for s in anybody.states] == [1, 1, 1, 2]
    assert HIDDEN not in json.dumps(anybody.states)
    assert {s["entity_id"] for s in holder.states} == {"balma-1", "balma-2"}
    assert all(s["operator_note"].startswith("hidden-partner-balma") for s in holder.states)
    assert "private" not in json.dumps(holder.states)
    assert [s["entity_id"] for s in choosy.states] == ["balma-2"]


def test_each_identity_hears_what_it_may_see_over_one_connection(address: str, servers: Endpoints) -> None:
    api, partner = address.partition("/datasets/")[0], key(servers, Level.PARTNER, "balma")
    with (
        listening(api, {}, dataset=CONTRACT.name) as anybody,
        listening(api, {}, dataset=CONTRACT.name, tenant="balma") as of_one,
        listening(api, partner, dataset=CONTRACT.name) as holder,
    ):
        change(servers, 3, "balma-1", "aucamville-1")
        until(lambda: (len(anybody.states), len(of_one.states), len(holder.states)) == (2, 1, 1), "all is heard")
    assert {s["dataset"] for s in anybody.states} == {CONTRACT.name}
    assert {s["state"]["tenant"] for s in anybody.states} == set(TENANTS)
    assert {s["state"]["tenant"] for s in [*of_one.states, *holder.states]} == {"balma"}
    assert HIDDEN not in json.dumps([*anybody.states, *of_one.states])
    assert holder.states[0]["state"]["operator_note"].startswith("hidden-partner-balma")
    assert "private" not in json.dumps(holder.states)
    for headers in ({}, partner):
        hidden = httpx2.get(f"{api}/live", params={"dataset": [CONTRACT.name, "probe_private"]}, headers=headers)
        assert hidden.status_code == 404


def test_a_key_that_is_revoked_hears_no_more(address: str, servers: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "KEY_SECONDS", 0.2)
    partner = key(servers, Level.PARTNER, "balma")
    with listening(address, partner) as holder:
        found = KEY.fullmatch(partner["X-API-Key"])
        assert found
        KeyStore(client(servers)).revoke(found[1], START)
        until(lambda: holder.has_ended, "the stream has ended")


def test_what_cannot_be_listened_to_is_a_problem(address: str) -> None:
    for path, status in (
        (f"{address}/live?where=operator_note='x'", 400),
        (f"{address}/live?bbox=1", 422),
        (f"{address.replace('observed', 'result')}/live", 400),
        (f"{address.replace('observed', 'private')}/live", 404),
    ):
        answer = httpx2.get(path, timeout=30)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
