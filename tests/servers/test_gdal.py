"""GDAL, which QGIS reads with, reads the collections; only where it is installed."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from runtime.elastic.client import client
from runtime.endpoints import Endpoints
from tests.servers.serving import documents, index, listening, probes

OGR = shutil.which("ogr2ogr")
pytestmark = [pytest.mark.servers, pytest.mark.skipif(OGR is None, reason="GDAL is not installed")]
EVERY = list(documents(probes()["probe_observed"]))


@pytest.fixture(scope="module")
def address(servers: Endpoints) -> Iterator[str]:
    index(client(servers), list(probes().values()))
    with listening(servers) as found:
        yield found


def read(address: str, *options: str) -> list[tuple[str, int, Any]]:
    words = [OGR or "", "-f", "GeoJSON", "/vsistdout/", f"OAPIF:{address}/ogc", "probe_observed", *options]
    done = subprocess.run([*words, "-oo", "PAGE_SIZE=50"], check=True, capture_output=True, timeout=120)
    features = json.loads(done.stdout)["features"]
    return sorted(
        (f["properties"]["tenant"], f["properties"]["visits_count"], f["geometry"]["coordinates"]) for f in features
    )


def expected(holds: Any) -> list[tuple[str, int, Any]]:
    there = [d for d in EVERY if holds(d)]
    return sorted((d["tenant"], d["visits_count"], [d["location"]["lon"], d["location"]["lat"]]) for d in there)


@pytest.mark.parametrize(
    ("options", "holds"),
    [
        ((), lambda _: True),
        (("-spat", "1.405", "43.505", "1.435", "43.535"), lambda d: 1 <= d["visits_count"] % 6 <= 3),
        (("-where", "state = 'free' AND visits_count > 30"), lambda d: d["state"] == "free" and d["visits_count"] > 30),
    ],
)
def test_gdal_reads_what_is_there(address: str, options: tuple[str, ...], holds: Any) -> None:
    assert read(address, *options) == expected(holds)
