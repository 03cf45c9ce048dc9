"""Who sees what: three identities, three exact sets of documents, and never a word of another's."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import httpx2
import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from runtime.elastic.client import client
from runtime.endpoints import Endpoints
from serving.access.levels import Level
from serving.dialects import ETSI
from tests.servers.questions import Document, Identity, Question, attribute, question
from tests.servers.serving import TENANTS, api, index, key, lines, probes

pytestmark = pytest.mark.servers

BASE = "/api/v1/datasets"
TAKEN = ("csv", "json", "ndjson", "geojson", "parquet")
EXPLORE = "/api/explore/v2.1/catalog/datasets/DATASET"
OGC = "/ogc/collections/DATASET/items"
NGSI = "/ngsi-ld/v1/temporal/entities"
QUESTIONS = 1000
AT_ONCE = 8
LINK = re.compile(r'"href":"[^"]*"')
NAMES = ("anonymous", "partner", "private")
Door = tuple[str, dict[str, Any], set[str], Any]
FIELDS = [f.name for f in probes()["probe_observed"].fields]


@pytest.fixture(scope="module")
def asked(servers: Endpoints) -> Iterator[TestClient]:
    index(client(servers), list(probes().values()))
    with api(servers) as found:
        yield found


@pytest.fixture(scope="module")
def identities(servers: Endpoints) -> dict[str, Identity]:
    both = frozenset(TENANTS)
    partner, private = key(servers, Level.PARTNER, "balma"), key(servers, Level.PRIVATE, *TENANTS)
    return {
        "anonymous": Identity("anonymous", {}, Level.OPEN, both),
        "partner": Identity("partner", partner, Level.PARTNER, frozenset({"balma"})),
        "private": Identity("private", private, Level.PRIVATE, both),
    }


@pytest.mark.parametrize("name", NAMES)
def test_tenants_are_those_the_caller_may_see_with_what_they_may_see(
    asked: TestClient, identities: dict[str, Identity], name: str
) -> None:
    who = identities[name]
    seen = [c.name for c in probes().values() if c.has_latest and who.level.sees(c.declaration.sensitivity)]
    answer = asked.get("/api/v1/tenants", headers=who.headers).json()
    assert answer["results"] == [{"tenant": tenant, "datasets": seen} for tenant in sorted(who.tenants)]
    assert answer["count"] == len(who.tenants)


def plain(documents: list[Document]) -> list[str]:
    """Documents as comparable texts, whatever their order."""

    def shown(value: Any) -> Any:
        return value.isoformat() if isinstance(value, datetime) else value

    return sorted(json.dumps({k: shown(v) for k, v in d.items()}) for d in documents)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dataset", sorted(probes()))
@pytest.mark.parametrize("tenants", [[], ["balma"], ["aucamville"], list(TENANTS), ["*"]], ids="-".join)
def test_each_identity_gets_exactly_its_documents(
    asked: TestClient, identities: dict[str, Identity], name: str, dataset: str, tenants: list[str]
) -> None:
    who = identities[name]
    answer = asked.get(f"{BASE}/{dataset}/export/ndjson", params={"tenant": tenants}, headers=who.headers)
    expected = who.sees(dataset, tenants)
    if expected is None:
        nothing = asked.get(f"{BASE}/nothing/export/ndjson", params={"tenant": tenants}, headers=who.headers)
        assert answer.status_code == nothing.status_code == 404
        assert answer.text.replace(dataset, "nothing") == nothing.text
    else:
        assert plain(lines(answer.content)) == plain(expected)
        assert expected


@pytest.mark.parametrize("name", NAMES)
def test_a_thousand_questions_never_show_or_count_a_foreign_document(
    asked: TestClient, identities: dict[str, Identity], name: str
) -> None:
    answered = asyncio.run(_ask_all(asked.app, identities[name]))
    assert answered > QUESTIONS / 4


async def _ask_all(app: ASGIApp, who: Identity) -> int:
    """Ask a thousand questions, some at a time; how many were answered with documents or figures."""
    seeds = iter(range(QUESTIONS))

    async def worker(asked: httpx2.AsyncClient) -> int:
        return sum([await _ask(asked, who, random.Random(f"{who.name} {seed}")) for seed in seeds])

    transport = httpx2.ASGITransport(app)  # type: ignore[arg-type]
    async with httpx2.AsyncClient(transport=transport, base_url="http://api") as asked:
        return sum(await asyncio.gather(*(worker(asked) for _ in range(AT_ONCE))))


async def _ask(asked: httpx2.AsyncClient, who: Identity, rng: random.Random) -> bool:
    """Ask something at some door; whether it was answered with documents or figures."""
    dataset = rng.choice(["probe_observed", "probe_observed", *sorted(probes())])
    tenants = rng.choice([[], [], ["balma"], ["aucamville"], list(TENANTS), ["*"]])
    asks = question(rng, probes()[dataset])
    door, parameters, names, judge = _standard_door(rng, dataset, asks) or _door(rng, dataset)
    language = {OGC: {"filter": asks.words.cql2}, NGSI: {"q": asks.words.q}}.get(door, {"where": asks.text})
    answer = await asked.get(
        door.replace("DATASET", dataset),
        params={**parameters, **language, "tenant": tenants},
        headers=who.headers,
    )
    there = who.sees(dataset, tenants)
    level, reach = who.scope(tenants)
    _require_nothing_foreign(answer, there, level, reach)
    if there is None:
        assert answer.status_code == 404
        return False
    if hidden := sorted((asks.fields | names) - set(there[0])):
        _require_unknown(answer, hidden)
        return False
    assert answer.status_code == 200, answer.text
    judge(answer, [d for d in there if asks.holds(d)])
    return True


def _standard_door(
    rng: random.Random, dataset: str, asks: Question
) -> tuple[str, dict[str, Any], set[str], Any] | None:
    """A path of a standard, as `_door` has it; None when another is to be asked."""
    kind = rng.choice(["ogc", "ngsi", "none", "none", "none"])
    if kind == "ogc":
        return OGC, {"limit": rng.choice([1, 1000])}, set(), _features
    if kind == "ngsi" and asks.words.q is not None:
        name = str(probes()[dataset].avro["name"])
        return NGSI, {"type": name, "limit": 100, "lastN": 3, "count": "true"}, set(), _entities
    return None


def _features(answer: httpx2.Response, documents: list[Document]) -> None:
    found = answer.json()
    assert found["numberMatched"] == len(documents)
    assert found["numberReturned"] == len(found["features"])


def _entities(answer: httpx2.Response, documents: list[Document]) -> None:
    there = {d["entity_id"] for d in documents}
    assert {e["id"].rpartition(":")[2] for e in answer.json()} == there
    assert int(answer.headers["NGSILD-Results-Count"]) == len(there)


def _door(rng: random.Random, dataset: str) -> Door:
    """A path, its parameters, the fields that they name, and what its answer must be."""
    field = rng.choice([f for f in FIELDS if f in {x.name for x in probes()[dataset].fields} and f != "location"])
    kind = rng.choice([*TAKEN, "count", "group", "history", "order", "entities", "records", "facets", "rows", "latest"])
    if kind == "count":
        return f"{BASE}/DATASET/aggregate", {}, set(), lambda a, docs: _same(a.json()["results"][0]["count"], len(docs))
    if kind == "group":
        return (
            f"{BASE}/DATASET/aggregate",
            {"group_by": field},
            {field},
            lambda a, docs: _same(_groups(a), _counted(docs, field)),
        )
    if kind == "history":
        shown = {"select": field, "limit": 10_000}
        return (
            f"{BASE}/DATASET/history",
            shown,
            {field},
            lambda a, docs: _same(plain(a.json()["results"]), plain(_only(docs, field))),
        )
    if kind == "order":
        return f"{BASE}/DATASET/history", {"order_by": f"{field} desc", "limit": 5}, {field}, _few
    if kind == "entities":
        return (
            f"{BASE}/DATASET/entities",
            {},
            set(),
            lambda a, docs: _same(a.json()["count"], len({d["entity_id"] for d in docs})),
        )
    if kind in TAKEN:
        return f"{BASE}/DATASET/export/{kind}", {"select": "entity_id"}, set(), lambda a, docs: _taken(a, docs, kind)
    if kind == "latest":
        return (
            f"{BASE}/DATASET/latest",
            {"select": field, "limit": 1000},
            {field},
            lambda a, docs: _some(a, docs, field),
        )
    if kind == "records":
        return f"{EXPLORE}/records", {"limit": 1}, set(), lambda a, docs: _same(a.json()["total_count"], len(docs))
    if kind == "facets":
        return f"{EXPLORE}/facets", {}, set(), _facets
    if kind == "rows":
        rows = {"select": f"count({field}) as n, count(*)", "refine": "state:free"}
        return f"{EXPLORE}/exports/json", rows, {field}, lambda a, docs: _same(a.json(), [_free(docs, field)])
    raise ValueError(kind)


def _taken(answer: httpx2.Response, documents: list[Document], form: str) -> None:
    """A file has an entity for each document."""
    taken: dict[str, Callable[[], list[str]]] = {
        "csv": lambda: [row["entity_id"] for row in csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))],
        "json": lambda: [d["entity_id"] for d in answer.json()],
        "ndjson": lambda: [d["entity_id"] for d in lines(answer.content)],
        "geojson": lambda: [f["properties"]["entity_id"] for f in answer.json()["features"]],
        "parquet": lambda: pq.read_table(io.BytesIO(answer.content)).column("entity_id").to_pylist(),
    }
    assert sorted(taken[form]()) == sorted(d["entity_id"] for d in documents)


def _some(answer: httpx2.Response, documents: list[Document], field: str) -> None:
    """The newest of each entity, of which those are shown that the question is true of."""
    shown = Counter(plain(answer.json()["results"]))
    assert shown <= Counter(plain(_only(documents, field)))


def _same(found: Any, expected: Any) -> None:
    assert found == expected


def _free(documents: list[Document], field: str) -> dict[str, int]:
    found = [d for d in documents if d["state"] == "free"]
    values = [len(d[field]) if isinstance(d[field], list) else int(d[field] is not None) for d in found]
    return {"n": sum(values), "count(*)": len(found)}


def _facets(answer: httpx2.Response, documents: list[Document]) -> None:
    found = {f["name"]: {v["value"]: v["count"] for v in f["facets"]} for f in answer.json()["facets"]}
    assert found["state"] == Counter(d["state"] for d in documents)
    assert set(found) <= set(documents[0]) if documents else not any(found.values())


def _few(answer: httpx2.Response, documents: list[Document]) -> None:
    assert answer.json()["count"] == min(5, len(documents))


def _groups(answer: httpx2.Response) -> int:
    return sum(row["count"] for row in answer.json()["results"])


def _counted(documents: list[Document], field: str) -> int:
    """Documents, each as often as it has values; one without any is in the group of those."""
    return sum(max(len(d[field]), 1) if isinstance(d[field], list) else 1 for d in documents)


def _only(documents: list[Document], field: str) -> list[Document]:
    return [{field: d[field]} for d in documents]


def _require_unknown(answer: httpx2.Response, hidden: list[str]) -> None:
    """The same error as for a field that nobody has ever heard of."""
    found = answer.json()
    is_ngsi = found["instance"].startswith("/ngsi-ld")
    names = list(map(attribute, hidden)) if is_ngsi else hidden
    expected = f"{ETSI}BadRequestData" if is_ngsi else "urn:garonne:problem:unknown-field"
    assert (answer.status_code, found["type"]) == (400, expected)
    assert found["field"] in names
    assert all(name not in found["detail"].partition("it has")[2] for name in names)


def _require_nothing_foreign(
    answer: httpx2.Response, there: list[Document] | None, level: Level, reach: frozenset[str]
) -> None:
    text = LINK.sub("", answer.text)  # a link repeats what was asked
    assert answer.status_code < 500, text
    assert "hidden-personal" not in text
    if level is not Level.PRIVATE:
        assert "hidden-private" not in text
    if level is Level.OPEN:
        assert "hidden-partner" not in text
        assert not re.search(r"10000\d\d\.0", text)
    if there is None:
        assert not re.search("results|features|levelCelsius", text)
    if answer.status_code == 200:
        for tenant in set(TENANTS) - reach:
            assert tenant not in text
