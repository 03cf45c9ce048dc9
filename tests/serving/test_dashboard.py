"""The dashboards' files: what browsers may ask, how much they load at first, what is said where nothing is built."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from serving.app import application
from serving.dashboard.pages import DIST, EMBEDDED, PAGES, add_dashboard
from serving.errors import handle_errors
from serving.services import Services

FIRST_LOAD_BYTES = 500_000
ONLY_WITH_A_MAP = ("map-", "maplibre-")
TILES = "https://tiles.example.org/{z}/{x}/{y}.png"


def directives(policy: str) -> dict[str, str]:
    return {name: rest for name, _, rest in (part.partition(" ") for part in policy.split("; "))}


def page(client: TestClient, path: str) -> dict[str, str]:
    answer = client.get(path)
    assert answer.status_code == 200, path
    assert "<title>Garonne" in answer.text
    return directives(answer.headers["content-security-policy"])


def address(pattern: str) -> str:
    return re.sub(r"\{[^}]+\}", "x", pattern)


@pytest.mark.parametrize("pattern", [*PAGES, EMBEDDED])
def test_a_page_may_ask_nobody_but_its_server(alone: TestClient, pattern: str) -> None:
    allowed = page(alone, address(pattern))
    assert allowed["default-src"] == "'none'"
    sources = {word for rule in allowed.values() for word in rule.split()}
    assert sources <= {"'none'", "'self'", "data:", "blob:", "*"}
    assert allowed["frame-ancestors"] == ("*" if pattern == EMBEDDED else "'none'")


def test_only_the_server_of_the_tiles_is_added(services: Services) -> None:
    with TestClient(application(services, tiles=TILES)) as client:
        allowed = page(client, "/")
        assert client.get("/dashboard.json").json() == {"tiles": TILES}
    assert allowed["img-src"].split()[-1] == allowed["connect-src"].split()[-1] == "https://tiles.example.org"
    assert "example" not in allowed["script-src"]


@pytest.mark.parametrize(
    "tiles", ["tiles/{z}/{x}/{y}.png", "https://a.example/tiles.png", "https://a.example; script-src */{z}/{x}/{y}"]
)
def test_an_address_that_cannot_be_of_tiles_is_refused(tiles: str) -> None:
    with pytest.raises(ValueError, match="is not the"):
        add_dashboard(FastAPI(), tiles)


def test_files_are_compressed_and_kept_for_ever_and_pages_are_not(alone: TestClient) -> None:
    [script] = re.findall(r'src="(/assets/[^"]+)"', alone.get("/").text)
    answer = alone.get(script, headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert "immutable" in answer.headers["cache-control"]
    assert alone.get("/").headers["cache-control"] == "no-store"
    assert alone.get("/assets/nothing.js").headers["cache-control"] == "no-store"


def test_the_first_load_is_small() -> None:
    files = [f for f in (DIST / "assets").iterdir() if not f.name.startswith(ONLY_WITH_A_MAP)]
    assert len(files) >= 3
    assert sum(len(gzip.compress(f.read_bytes())) for f in files) < FIRST_LOAD_BYTES


def test_where_nothing_is_built_it_says_what_to_do(tmp_path: Path) -> None:
    app = FastAPI()
    add_dashboard(app, folder=tmp_path)
    handle_errors(app)
    answer = TestClient(app).get("/")
    assert (answer.status_code, "make setup" in answer.json()["detail"]) == (404, True)
