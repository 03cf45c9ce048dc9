"""GDAL and QGIS read the collections; each only where it is installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime.elastic.client import client
from runtime.endpoints import Endpoints
from tests.servers.serving import documents, index, listening, probes

pytestmark = pytest.mark.servers
OGR = shutil.which("ogr2ogr")
PYTHON = "/usr/bin/python3"  # whose packages QGIS's are
SCRIPT = Path(__file__).with_name("qgis_layer.py")
EVERY = list(documents(probes()["probe_observed"]))
Features = list[tuple[str, int, Any]]
Holds = Callable[[dict[str, Any]], bool]

WEST, SOUTH, EAST, NORTH = "1.405", "43.505", "1.435", "43.535"
FILTER = "state = 'free' AND visits_count > 30"


def is_all(_: dict[str, Any]) -> bool:
    return True


def is_in_the_box(document: dict[str, Any]) -> bool:
    return 1 <= document["visits_count"] % 6 <= 3


def is_chosen(document: dict[str, Any]) -> bool:
    return document["state"] == "free" and document["visits_count"] > 30


def has_qgis() -> bool:
    """Whether that Python knows QGIS."""
    look = "import importlib.util as u; exit(u.find_spec('qgis') is None)"
    return Path(PYTHON).exists() and subprocess.run([PYTHON, "-c", look]).returncode == 0


@pytest.fixture(scope="module")
def address(servers: Endpoints) -> Iterator[str]:
    index(client(servers), list(probes().values()))
    with listening(servers) as found:
        yield found


def by_gdal(address: str, *options: str) -> Features:
    words = [OGR or "", "-f", "GeoJSON", "/vsistdout/", f"OAPIF:{address}/ogc", "probe_observed", *options]
    done = subprocess.run([*words, "-oo", "PAGE_SIZE=50"], check=True, capture_output=True, timeout=120)
    features = json.loads(done.stdout)["features"]
    return sorted(
        (f["properties"]["tenant"], f["properties"]["visits_count"], f["geometry"]["coordinates"]) for f in features
    )


def by_qgis(address: str, folder: Path, *options: str) -> Features:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
    command = [PYTHON, str(SCRIPT), f"{address}/ogc", "probe_observed", *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return sorted((tenant, visits, place) for tenant, visits, place in json.loads(done.stdout.splitlines()[-1]))


def expected(holds: Holds) -> Features:
    there = [d for d in EVERY if holds(d)]
    return sorted((d["tenant"], d["visits_count"], [d["location"]["lon"], d["location"]["lat"]]) for d in there)


@pytest.mark.skipif(OGR is None, reason="GDAL is not installed")
@pytest.mark.parametrize(
    ("options", "holds"),
    [((), is_all), (("-spat", WEST, SOUTH, EAST, NORTH), is_in_the_box), (("-where", FILTER), is_chosen)],
)
def test_gdal_reads_what_is_there(address: str, options: tuple[str, ...], holds: Holds) -> None:
    assert by_gdal(address, *options) == expected(holds)


@pytest.mark.skipif(not has_qgis(), reason="QGIS is not installed")
@pytest.mark.parametrize(
    ("options", "holds"),
    [((), is_all), (("", f"{WEST},{SOUTH},{EAST},{NORTH}"), is_in_the_box), ((FILTER,), is_chosen)],
)
def test_qgis_reads_what_is_there(address: str, tmp_path: Path, options: tuple[str, ...], holds: Holds) -> None:
    assert by_qgis(address, tmp_path, *options) == expected(holds)
