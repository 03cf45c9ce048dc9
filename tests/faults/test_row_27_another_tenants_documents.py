"""Row 27: two tenants whose entities have the same ids share Kafka, jobs and Elasticsearch, and no document.

Nothing that a feed brings can make it another tenant's. What the API shows whom is in tests/servers/test_api_access.py,
test_api_live.py and test_equal_answers.py, what Elasticsearch's roles open in test_tenants.py.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from connectors.feed import Feed
from jobs.engine.context import Context
from jobs.engine.sink import documents
from jobs.job import all_jobs
from runtime.elastic.client import client
from runtime.endpoints import Endpoints
from schemas import contract
from tests.connectors.scripted import ScriptedServer, answer
from tests.faults.jobs import every_job
from tests.frames import frame
from tests.servers import events as town
from tests.servers.indexing import index_tenants
from tests.servers.ingesting import City, count, message, until

ENTITIES = [f"station-{n}" for n in range(20)]
Documents = dict[tuple[str, str], dict[str, Any]]  # by index and id


@pytest.mark.servers
def test_two_tenants_with_the_same_entities_share_no_document(servers: Endpoints, tmp_path: Path) -> None:
    one, other = City(servers, tmp_path / "one"), City(servers, tmp_path / "other")
    for city, temperature in ((one, 11.0), (other, 22.0)):
        Context(servers, city.state).prepare()
        asyncio.run(_ingested(city, temperature))
    index_tenants(servers, one.state, one.tenant, other.tenant)
    index_tenants(servers, one.state, one.tenant, other.tenant)
    of_one, of_other = of_tenant(servers, one.tenant), of_tenant(servers, other.tenant)
    assert not of_one.keys() & of_other.keys()
    for city, found, temperature in ((one, of_one, 11.0), (other, of_other, 22.0)):
        assert all(f"-{city.tenant}" in index for index, _ in found)
        assert {d["feed"] for d in found.values() if "feed" in d} == {f"{city.tenant}-stations"}
        temperatures = {d["temperature_celsius"] for d in found.values() if "temperature_celsius" in d}
        assert temperatures == {temperature}
        kinds = [index.removeprefix("city-").split("-")[0] for index, _ in found]
        assert kinds.count("weather_observed") == kinds.count("weather_observed_latest") == len(ENTITIES)
        assert kinds.count("dead_letter") == 1


async def _ingested(city: City, temperature: float) -> Feed:
    """The same stations and times for each tenant, one record that is broken, and one that says whose it is."""
    records = [json.loads(message(e, 1, temperature)) for e in ENTITIES]
    broken = {"id": "broken", "at": "never"}
    claims = {"tenant": "toulouse", "feed": "elsewhere", "_index": "city-weather_observed-toulouse-2026.07"}
    body = json.dumps([broken, *({**r, **claims} for r in records)]).encode()
    async with ScriptedServer([answer(body=body)]).running() as server:
        feed = city.feed("stations", {"kind": "http", "url": server.url})
        async with city.ingesting(feed):
            await until(lambda: count(feed, "accepted") == len(ENTITIES), "all are taken in")
            await until(lambda: count(feed, "rejected") == 1, "one is refused")
    return feed


def of_tenant(servers: Endpoints, tenant: str) -> Documents:
    """Every document, of whatever contract, in an index of a tenant or that says it is the tenant's."""
    query = {"bool": {"should": [{"wildcard": {"_index": f"*-{tenant}*"}}, {"term": {"tenant": tenant}}]}}
    hits = client(servers).search(index="city-*", query=query, size=1000)["hits"]["hits"]
    found = {(h["_index"], h["_id"]): h["_source"] for h in hits}
    assert all(d["tenant"] == tenant for d in found.values())
    return found


@pytest.mark.parametrize("field", ["tenant", "feed", "ingested_at", "_index", "_id"])
def test_a_mapping_cannot_set_whose_an_event_is(tmp_path: Path, field: str) -> None:
    city = City(NOWHERE, tmp_path)
    with pytest.raises(ValueError, match=field):
        city.feed("claims", {"kind": "files", "folder": "in"}, fields={field: "tenant", "temperature_celsius": "t"})


@pytest.mark.spark
@pytest.mark.parametrize("name", every_job())
def test_a_jobs_figures_stand_on_the_tenants_own_observations(spark: SparkSession, name: str) -> None:
    job = all_jobs()[name]
    mine = town.events(5, "colomiers")[job.reads]
    others = [{**e, "tenant": "balma"} for e in _changed(mine)]
    alone = _figures(spark, name, mine)
    together = _figures(spark, name, [e for pair in zip(mine, others, strict=True) for e in pair])
    assert alone
    assert {k: d for k, d in together.items() if d["tenant"] == "colomiers"} == alone
    assert {d["tenant"] for d in together.values()} == {"colomiers", "balma"}
    assert all(
        f"-{d['tenant']}-" in index and id_.startswith(f"{d['tenant']}|") for (index, id_), d in together.items()
    )


def _changed(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same entities at almost the same times, so that they would count where tenants are not kept apart."""
    later = timedelta(seconds=1)
    return [{**e, "observed_at": e["observed_at"] + later, "ingested_at": datetime.now(UTC)} for e in events]


def _figures(spark: SparkSession, name: str, events: list[Mapping[str, Any]]) -> Documents:
    job = all_jobs()[name]
    rows = frame(spark, contract(job.reads), events)
    found = documents(rows.transform(job.transform), contract(job.result)).collect()
    return {(row["index"], row["id"]): json.loads(row["source"]) for row in found}


NOWHERE = Endpoints(
    kafka_bootstrap="nowhere:1", schema_registry_url="http://nowhere", elasticsearch_url="http://nowhere"
)
