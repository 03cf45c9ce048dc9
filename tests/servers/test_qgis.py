"""QGIS reads the collections as layers; only where it is installed."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime.elastic.client import client
from runtime.endpoints import Endpoints
from tests.servers.serving import documents, index, listening, probes

PYTHON = "/usr/bin/python3"  # whose packages QGIS's are
SCRIPT = Path(__file__).with_name("qgis_layer.py")
EVERY = list(documents(probes()["probe_observed"]))


def has_qgis() -> bool:
    """Whether that Python knows QGIS."""
    look = "import importlib.util as u; exit(u.find_spec('qgis') is None)"
    return Path(PYTHON).exists() and subprocess.run([PYTHON, "-c", look]).returncode == 0


pytestmark = [pytest.mark.servers, pytest.mark.skipif(not has_qgis(), reason="QGIS is not installed")]


@pytest.fixture(scope="module")
def address(servers: Endpoints) -> Iterator[str]:
    index(client(servers), list(probes().values()))
    with listening(servers) as found:
        yield found


def read(address: str, folder: Path, *options: str) -> list[tuple[str, int, Any]]:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
    command = [PYTHON, str(SCRIPT), f"{address}/ogc", "probe_observed", *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return sorted((tenant, visits, place) for tenant, visits, place in json.loads(done.stdout.splitlines()[-1]))


def expected(holds: Any) -> list[tuple[str, int, Any]]:
    there = [d for d in EVERY if holds(d)]
    return sorted((d["tenant"], d["visits_count"], [d["location"]["lon"], d["location"]["lat"]]) for d in there)


@pytest.mark.parametrize(
    ("options", "holds"),
    [
        ((), lambda _: True),
        (("", "1.405,43.505,1.435,43.535"), lambda d: 1 <= d["visits_count"] % 6 <= 3),
        (("state = 'free' AND visits_count > 30",), lambda d: d["state"] == "free" and d["visits_count"] > 30),
    ],
    ids=["all", "a map's section", "a filter"],
)
def test_qgis_reads_what_is_there(address: str, tmp_path: Path, options: tuple[str, ...], holds: Any) -> None:
    assert read(address, tmp_path, *options) == expected(holds)
