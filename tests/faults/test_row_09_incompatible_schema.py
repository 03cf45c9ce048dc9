"""Row 9: a schema that old data could not be read with is refused, with a sentence, before any data moves."""

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

from jobs.engine.context import Context
from runtime.registry import IncompatibleSchemaError
from runtime.settings import PROJECT
from schemas import Contract, contract
from tests.servers.drivers import environment_of
from tests.servers.ingesting import City

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
