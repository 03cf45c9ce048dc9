"""Documents of two tenants at all levels of sensitivity, and the API over them, asked by three identities."""

from __future__ import annotations

import json
import socket
import threading
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from elasticsearch import Elasticsearch
from fastapi import FastAPI
from starlette.testclient import TestClient

from runtime.elastic.bulk import Action, write
from runtime.elastic.client import client
from runtime.elastic.setup import ensure_templates
from runtime.endpoints import Endpoints
from schemas import Contract
from schemas.contract import load
from schemas.documents import document_id, index_name, latest_index_name
from schemas.validation import example
from serving.access.audit import Audit
from serving.access.keys import KeyStore, made
from serving.access.levels import Level
from serving.app import application
from serving.limits import MAX_HEAD_BYTES
from serving.pipeline import KeptPipeline
from serving.queries.cursors import Cursors
from serving.queries.reader import Reader
from serving.services import Services
from tests.servers.stacks import until
from tests.serving.scripted_pipeline import ScriptedPipeline

CONTRACTS = Path(__file__).parent / "contracts"
START = datetime(2026, 7, 14, 12, tzinfo=UTC)
TENANTS = ("aucamville", "balma")
STATES = ("free", "taken", "unknown")
PARTS = 60
HIDDEN = "hidden"  # in every value that somebody must not see


@lru_cache(maxsize=1)
def probes() -> dict[str, Contract]:
    """Contracts that only these tests have: open with fields of higher levels, for partners, and private."""
    return {c.name: c for c in (load(f) for f in sorted(CONTRACTS.iterdir()) if f.is_dir())}


def documents(contract: Contract) -> Iterator[dict[str, Any]]:
    """Documents of each tenant; what is above the open level says so in its values."""
    names = {f.name for f in contract.fields}
    mark = "" if contract.declaration.sensitivity == "open" else f"{HIDDEN}-"
    for tenant in TENANTS:
        for i in range(PARTS):
            at = START + timedelta(minutes=10 * i)
            every = {
                "tenant": tenant,
                "entity_id": f"{mark}{tenant}-{i % 6}",
                "observed_at": at,
                "ingested_at": at + timedelta(seconds=2),
                "feed": f"{tenant}-feed",
                "location": {"lat": 43.5 + i % 6 / 100, "lon": 1.4 + i % 6 / 100},
                "flags": ["spike"] if i % 7 == 0 else [],
                "name": f"{mark}Place {tenant} {i % 6}",
                "state": STATES[i % 3],
                "level_celsius": None if i % 5 == 0 else i / 4,
                "visits_count": i,
                "is_open": i % 2 == 0,
                "operator_note": f"{HIDDEN}-partner-{tenant}-{i % 4}",
                "cost_euros": 1_000_000.0 + i,
                "owner_name": f"{HIDDEN}-private-{tenant}-{i % 4}",
                "inspector": f"{HIDDEN}-personal-{tenant}",
            }
            yield {name: value for name, value in every.items() if name in names}


def examples(contract: Contract, tenant: str) -> list[dict[str, Any]]:
    """The good examples of a contract as a tenant's documents, bytes in base64; of two with one key the last."""
    good = (p for p in contract.examples() if p.name.endswith(".pass.json"))
    found = [{**example(contract, p), "tenant": tenant} for p in good]
    plain = [{k: b64encode(v).decode() if isinstance(v, bytes) else v for k, v in d.items()} for d in found]
    return list({document_id(contract, d): d for d in plain}.values())


def index(es: Elasticsearch, contracts: Sequence[Contract]) -> None:
    """Bring the documents of the contracts into Elasticsearch, and no others, visible at once."""
    for contract in contracts:
        there = [*es.indices.get(index=f"{contract.alias}-*,{contract.latest_alias}-*", allow_no_indices=True)]
        if there:
            es.indices.delete(index=there)
    ensure_templates(es, contracts)
    for contract in contracts:
        write(es, list(actions(contract, documents(contract))), visible=True)


def actions(contract: Contract, every: Iterator[dict[str, Any]]) -> Iterator[Action]:
    """What is written of documents: themselves, and the newest of each entity."""
    for document in every:
        key, time = document_id(contract, document), document[contract.time]
        version, source = int(time.timestamp() * 1000), orjson.dumps(document)
        yield Action(index_name(contract, document["tenant"], time), key, version, source)
        if contract.has_latest:
            name = latest_index_name(contract, document["tenant"])
            yield Action(name, f"{document['tenant']}|{document['entity_id']}", version, source)


def services_over(servers: Endpoints, anonymous_per_minute: int = 1_000_000) -> Services:
    """What the API works with, over the probes and a pipeline that is not there."""
    es = client(servers)
    kept = (Reader(es), KeyStore(es), Cursors("tests"), Audit(es))
    pipeline = KeptPipeline(ScriptedPipeline())
    return Services(probes(), *kept, anonymous_per_minute=anonymous_per_minute, pipeline=pipeline)


@contextmanager
def api(servers: Endpoints, anonymous_per_minute: int = 1_000_000) -> Iterator[TestClient]:
    """The API over the probes."""
    app = application(services_over(servers, anonymous_per_minute))
    with TestClient(app, raise_server_exceptions=False) as asked:
        yield asked


@contextmanager
def listening(servers: Endpoints) -> Iterator[str]:
    """Address of the API on a port of its own: what streams cannot be seen through a client that waits for the end."""
    with on_a_port(application(services_over(servers))) as address:
        yield address


@contextmanager
def on_a_port(app: FastAPI) -> Iterator[str]:
    """Address of an application that is listened to as `garonne serve` does."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_level="warning", h11_max_incomplete_event_size=MAX_HEAD_BYTES)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [found]})
        thread.start()
        try:
            until(lambda: server.started, "the API listens")
            yield f"http://127.0.0.1:{found.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(30)


def key(
    servers: Endpoints, level: Level, *tenants: str, per_minute: int = 1_000_000, days: float = 1
) -> dict[str, str]:
    """The header of a new key."""
    now = datetime.now(UTC)
    kept, text = made(tenants, level, "test", per_minute, timedelta(days=abs(days)), now)
    if days < 0:
        kept = replace(kept, expires_at=now + timedelta(days=days))
    KeyStore(client(servers)).add(kept)
    return {"X-API-Key": text.get_secret_value()}


def lines(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines()]
