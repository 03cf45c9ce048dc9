"""Row 9: a schema that old data could not be read with is refused, with a sentence, before any data moves.

One that is compatible may come at any time: the jobs that run read what is written with it.
"""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from pyspark.sql import SparkSession

from jobs.engine.context import Context
from jobs.job import all_jobs
from runtime.avro import encoder
from runtime.registry import IncompatibleSchemaError, Registry
from runtime.settings import PROJECT
from schemas import Contract, contract
from tests.faults import figures
from tests.faults.live import living
from tests.servers import events as city
from tests.servers.drivers import environment_of
from tests.servers.ingesting import City
from tests.servers.stacks import until

pytestmark = pytest.mark.servers

WEATHER = contract("weather_observed")
LIMIT_SECONDS = 180
SENTENCE = "weather_observed: data of earlier versions could not be read with this schema"


def changed() -> dict[str, Any]:
    """The schema with a temperature that is a text, and a new field without a default."""
    avro = copy.deepcopy(WEATHER.avro)
    for field in avro["fields"]:
        if field["name"] == "temperature_celsius":
            field["type"] = ["null", "string"]
    return {**avro, "fields": [*avro["fields"], {"name": "uv_index", "type": "double", "doc": "x", "unit": "1"}]}


def test_it_is_refused_and_nothing_has_changed(context: Context) -> None:
    known = SchemaRegistryClient({"url": context.endpoints.schema_registry_url})
    before = known.get_versions(WEATHER.subject)
    bad = Contract(name=WEATHER.name, major=1, avro=changed(), declaration=WEATHER.declaration, folder=WEATHER.folder)
    with pytest.raises(IncompatibleSchemaError, match=SENTENCE) as refused:
        context.registry.register(bad)
    assert "Give a new field a default" in str(refused.value)
    assert known.get_versions(WEATHER.subject) == before


def test_jobs_and_connectors_do_not_start_with_it(context: Context, tmp_path: Path) -> None:
    """Both with a project in which the contract was changed: each says the sentence and ends, having moved nothing."""
    shutil.copytree(PROJECT / "schemas", tmp_path / "schemas", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "schemas" / WEATHER.name / "v1.avsc").write_text(json.dumps(changed()))
    template = context.es.indices.get_index_template(name=WEATHER.alias).body
    environment = {**environment_of(tmp_path, context.endpoints), "PYTHONPATH": str(PROJECT)}
    town = City(context.endpoints, tmp_path)
    feed = town.path(town.feed("files", {"kind": "files", "folder": "drop"}).id)
    for command in (["jobs.engine.main", "stream"], ["garonne", "ingest", str(feed)]):
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode != 0
        assert SENTENCE in " ".join((done.stdout + done.stderr).split())
        assert not (tmp_path / "checkpoints").exists()
        assert not (tmp_path / "cursors").exists()
    assert context.es.indices.get_index_template(name=WEATHER.alias).body == template


@pytest.mark.spark
def test_a_compatible_schema_that_comes_while_jobs_run_leaves_no_event_out(
    spark: SparkSession, context: Context
) -> None:
    job, tenant = all_jobs()["bike_availability"], "row09"
    bikes = contract(job.reads)
    events = city.events(9, tenant)[job.reads]
    half = len(events) // 2
    noted = {"name": "note", "type": ["null", "string"], "doc": "Later addition.", "default": None}
    newer = bikes.model_copy(update={"avro": {**bikes.avro, "fields": [*bikes.avro["fields"], noted]}})
    with living(spark, context, [job]):
        city.produce(context, job.reads, events[:half])
        wanted = figures.expected(spark, job, events[:half])
        until(lambda: figures.indexed(context, job, tenant) == wanted, "the first half has figures", LIMIT_SECONDS)
        encode = encoder(
            newer, Registry(context.endpoints.schema_registry_url, context.state / "newer").register(newer)
        )
        figures.send(context, bikes.topic, tenant, (encode({**e, "note": "new"}) for e in events[half:]))
        wanted = figures.expected(spark, job, events)
        until(lambda: figures.indexed(context, job, tenant) == wanted, "all have figures", LIMIT_SECONDS)
    assert figures.observed(context, job.reads, tenant) == figures.keys(events)
