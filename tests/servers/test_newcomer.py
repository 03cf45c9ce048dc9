"""A newcomer's feed: one YAML and one sample, no Python, and its data is in Elasticsearch."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
import yaml

from connectors.feed import load_feed
from garonne.scaffold import decoded, new_feed, write_expected
from jobs.engine.context import Context
from runtime.endpoints import Endpoints
from tests.servers.drivers import submit
from tests.servers.ingesting import City, count, until

pytestmark = [pytest.mark.servers, pytest.mark.spark]

SAMPLE = """station;time;degrees_f;humidity
quai-1;2026-07-14T21:15:00Z;86,9;41
quai-2;2026-07-14T21:15:00Z;82,4;44
quai-3;2026-07-14T21:15:00Z;broken;44
"""


def test_a_new_feed_reaches_elasticsearch_without_python(own_topics: Endpoints, tmp_path: Path) -> None:
    project = tmp_path / "project"
    described, sample = new_feed(project, "quai", "portet", "weather_observed", "csv_records", "files")
    sample.write_text(SAMPLE, encoding="utf-8")
    drop = tmp_path / "drop"
    feed = yaml.safe_load(described.read_text(encoding="utf-8"))
    feed["transport"] = {"kind": "files", "folder": str(drop), "pattern": "*.csv", "period_seconds": 0.2}
    feed["format"]["entity_id"] = {"from": "station"}
    feed["format"]["fields"] = {
        "temperature_celsius": {"from": "degrees_f", "unit": "[degF]", "decimal": ","},
        "relative_humidity_ratio": {"from": "humidity", "unit": "%"},
    }
    described.write_text(yaml.safe_dump(feed), encoding="utf-8")
    assert write_expected(project, "quai").exists()
    expected = [r.get("temperature_celsius") for r in decoded(project, "quai")]
    assert expected == [pytest.approx(30.5), pytest.approx(28.0), None]

    drop.mkdir()
    shutil.copyfile(sample, drop / "now.csv")
    asyncio.run(_taken_in(City(own_topics, tmp_path), described))
    context = Context(own_topics, tmp_path)
    submit(tmp_path, own_topics, ["observations", "heat_island_hourly", "--available-now"])
    context.es.indices.refresh(index="city-*")
    for index in ("city-weather_observed", "city-latest", "city-heat_island_hourly"):
        found = context.es.search(index=index, query={"term": {"tenant": "portet"}})["hits"]["hits"]
        assert sorted(hit["_source"]["entity_id"] for hit in found) == ["quai-1", "quai-2"], index
    letters = context.es.search(index="city-dead_letter", query={"term": {"tenant": "portet"}})["hits"]["hits"]
    assert [letter["_source"]["place"] for letter in letters] == ["now.csv:2 line 4"]


async def _taken_in(city: City, described: Path) -> None:
    feed = load_feed(described)
    async with city.ingesting(feed):
        await until(lambda: count(feed, "accepted") == 2 and count(feed, "rejected") == 1, "the sample is taken in")
