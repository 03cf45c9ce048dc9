"""Row 26: words of Elasticsearch, NDJSON, Kafka, terminals and spreadsheets in ids, payloads and filters stay words.

They go through the real connectors, Kafka and the bulk writer, and through every filter of the command line. Filters of
the API are in tests/servers/test_api_access.py and test_api_schema.py, formulas in files in serving/test_exports.py.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.feed import Feed, FeedError, load_feed
from jobs.engine.context import Context
from runtime.elastic.documents import found
from runtime.elastic.letters import Selection, groups
from runtime.endpoints import Endpoints
from runtime.settings import PROJECT
from tests.connectors.scripted import ScriptedServer, answer
from tests.servers.drivers import environment_of
from tests.servers.indexing import index_tenants
from tests.servers.ingesting import City, count, until

pytestmark = pytest.mark.servers

WORDS = [
    '{"delete":{"_index":"city-*","_id":"a"}}',
    'a"}}\n{"delete":{"_index":"city-latest"}}\n{"index":{"_index":"stolen"}}\n{"x":1}',
    '"},"script":{"source":"ctx._source.clear()"},"x":{"a":"',
    "a\r\nHost: elsewhere",
    "* OR tenant:*",
    "city-*",
    "../../_all/_delete_by_query",
    "_all,-nothing",
    "%2e%2e/_cluster/settings",
    "<city-{now/d}>",
    "=cmd|'/c calc'!A0",
    "@SUM(1+1)*cmd",
    "+1",
    "-1",
    "a\t=1",
    "a|b|2026-01-01T00:00:00.000000Z",
    "a/b",
    "toulouse/a",
    "'; DROP TABLE observations; --",
    "${GARONNE_STATE}",
    "$(touch /tmp/owned)",
    "{{7*7}}",
    "[red]a[/red]",
    "\x1b]0;owned\x07\x1b[2J",
    "a\x00b",
    "\u202egnp.exe",
    "é\u0301\U0001f6b2",
    "a" * 256,
    "\u00e9" * 256,  # 512 bytes, and more with the rest of the id than Elasticsearch takes
]
TOO_LONG = WORDS[-1]  # becomes a dead letter, and harms none of the others


@pytest.fixture(scope="module")
def city(servers: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> tuple[City, Feed, dict[str, int]]:
    """A tenant whose stations have these names, in Elasticsearch; and how many documents others had before."""
    made = City(servers, tmp_path_factory.mktemp("injection"))
    Context(servers, made.state).prepare()
    before = documents_of_others(made)
    feed = asyncio.run(_ingested(made))
    index_tenants(servers, made.state, made.tenant)
    index_tenants(servers, made.state, made.tenant)  # the dead letters that the first left in Kafka
    return made, feed, before


async def _ingested(city: City) -> Feed:
    now = datetime.now(UTC) - timedelta(seconds=30)
    good = [{"id": word, "at": now.isoformat(), "t": 20.5} for word in WORDS]
    bad = [{"id": f"bad {n}", "at": now.isoformat(), "t": f"x{word}"} for n, word in enumerate(WORDS)]
    async with ScriptedServer([answer(body=json.dumps(good + bad).encode())]).running() as server:
        feed = city.feed("hostile", {"kind": "http", "url": server.url})
        async with city.ingesting(feed):
            await until(lambda: count(feed, "accepted") == len(WORDS), "all are taken in")
            await until(lambda: count(feed, "rejected") == len(WORDS), "all that is bad is refused")
    return feed


def documents_of_others(city: City) -> dict[str, int]:
    """Documents in each index that is not this tenant's."""
    es = Context(city.endpoints, city.state).es
    es.indices.refresh(index="*")
    indices = es.cat.indices(index="*", format="json", expand_wildcards="all").body
    return {i["index"]: int(i["docs.count"]) for i in indices if city.tenant not in i["index"]}


def run(city: City, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "garonne", *words]
    environment = environment_of(city.state, city.endpoints)
    return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60)


def test_each_name_is_one_document_and_says_itself(city: tuple[City, Feed, dict[str, int]]) -> None:
    made, _, _ = city
    es = Context(made.endpoints, made.state).es
    for alias in ("city-weather_observed", "city-latest"):
        there = found(es, alias, tenant=made.tenant)
        assert sorted(d["entity_id"] for d in there.values()) == sorted(w for w in WORDS if w != TOO_LONG)
        assert {d["temperature_celsius"] for d in there.values()} == {20.5}


def test_what_cannot_be_a_document_is_a_dead_letter(city: tuple[City, Feed, dict[str, int]]) -> None:
    made, _, _ = city
    es = Context(made.endpoints, made.state).es
    letters = list(found(es, "city-dead_letter", tenant=made.tenant).values())
    assert {x["reason"] for x in letters if x["stage"] != "index"} == {"wrong_type"}
    assert sum(x["stage"] != "index" for x in letters) == len(WORDS)
    assert [x["reason"] for x in letters if x["stage"] == "index"] == ["refused_by_index"] * 2  # observation and state


def test_no_index_of_others_has_a_document_more_or_less(city: tuple[City, Feed, dict[str, int]]) -> None:
    made, _, before = city
    assert documents_of_others(made) == before


@pytest.mark.parametrize("name", ["tenant", "feed", "reason", "stage", "ids"])
def test_a_filter_compares_and_interprets_nothing(city: tuple[City, Feed, dict[str, int]], name: str) -> None:
    made, _, _ = city
    es = Context(made.endpoints, made.state).es
    assert sum(g.letters_count for g in groups(es, Selection(tenant=made.tenant))) == len(WORDS) + 2
    for word in WORDS:
        chosen: dict[str, Any] = {name: (word,) if name == "ids" else word}
        assert list(groups(es, Selection(**chosen))) == []


@pytest.mark.faults
@pytest.mark.parametrize("word", [WORDS[1], "*", "_all,-nothing", "=cmd|'/c calc'!A0"])
def test_an_option_of_the_command_line_is_compared_as_it_is(city: tuple[City, Feed, dict[str, int]], word: str) -> None:
    made, feed, _ = city
    shown = run(made, "deadletters", "list", f"--tenant={word}", f"--feed={word}", "--json")
    assert (shown.returncode, json.loads(shown.stdout)) == (0, []), shown.stderr
    refused = run(made, "health", str(made.path(feed.id)), f"--feed={word}")
    assert (refused.returncode, "no feed is called" in refused.stderr) == (1, True)


@pytest.mark.faults
def test_what_a_terminal_would_obey_is_not_printed(city: tuple[City, Feed, dict[str, int]]) -> None:
    made, feed, _ = city
    path = made.path(feed.id)
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "period_seconds": 1}))
    for words in (
        ("deadletters", "list", "--each", "--tenant", made.tenant),
        ("health", str(path), "--devices"),
        ("health", str(path), "--json"),
    ):
        shown = run(made, *words)
        assert shown.stdout.count("\n") > 0, shown.stderr
        assert {"\x1b", "\x07", "\x00", "\u202e"} & set(shown.stdout) == set()


@pytest.mark.parametrize("name", ["tenant", "id"])
@pytest.mark.parametrize("word", ["*", "a-b*", "_all", "../x", "A", 'a"b', "a\nb", "a,b", "", "a" * 200, "<x-{now}>"])
def test_a_feed_cannot_have_such_a_tenant_or_id(tmp_path: Path, name: str, word: str) -> None:
    described: dict[str, Any] = {
        "tenant": "toulouse",
        "event": "weather_observed",
        "title": "Hostile",
        "transport": {"kind": "files", "folder": "in"},
        "format": {"kind": "json_records", "entity_id": "id", "observed_at": "at", "fields": {}},
    }
    path = tmp_path / "hostile.yaml"
    path.write_text(yaml.safe_dump({**described, name: word}))
    with pytest.raises(FeedError, match=name):
        load_feed(path)
