"""Every error is a problem document that says what to change."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest
from starlette.testclient import TestClient

from serving.app import application
from serving.problems import MEDIA_TYPE
from serving.services import Services
from tests.servers.serving import on_a_port

DATASETS = "/api/v1/datasets"


@pytest.mark.parametrize(
    ("method", "path", "status", "says"),
    [
        ("GET", "/nothing", 404, "/docs"),
        ("GET", f"{DATASETS}/nothing", 404, "weather_observed"),
        ("GET", f"{DATASETS}/dead_letter", 404, "weather_observed"),
        ("POST", DATASETS, 405, "POST"),
        ("GET", f"{DATASETS}/weather_observed/history?limit=x", 422, "limit"),
        ("GET", f"{DATASETS}/weather_observed/history?limit=0", 422, "limit"),
        ("GET", f"{DATASETS}/weather_observed/history?limits=3", 400, "limits"),
        ("GET", f"{DATASETS}/weather_observed/history?from=yesterday", 422, "2026-07-14T21:00:00Z"),
        ("GET", f"{DATASETS}/weather_observed/history?bbox=1,2,3", 422, "4 numbers"),
        ("GET", f"{DATASETS}/weather_observed/history?near=1,2", 422, "radius_m"),
        ("GET", f"{DATASETS}/weather_observed/history?polygon=1,2,3,4,5,6,7,8,9", 422, "two each"),
        ("GET", f"{DATASETS}/weather_observed/history?tenant=Paris!", 422, "tenant"),
        ("GET", f"{DATASETS}/weather_observed/history?temperature_celsius=warm", 400, "is not a number"),
        ("GET", f"{DATASETS}/weather_observed/history?where=temperature_celsius+%3E", 400, "character"),
        ("GET", f"{DATASETS}/weather_observed/history?cursor=forged", 400, "cursor"),
        ("GET", f"{DATASETS}/weather_observed/export/xlsx", 422, "parquet"),
        ("GET", f"{DATASETS}/weather_observed/aggregate?select=entity_id", 400, "group_by"),
        ("GET", f"{DATASETS}/weather_observed/aggregate?select=avg(entity_id)", 400, "decimal"),
        ("GET", f"{DATASETS}/weather_observed/aggregate?timezone=Toulouse", 422, "Europe/Paris"),
        ("GET", f"{DATASETS}?limit=3", 422, "tenant"),
    ],
)
def test_an_error_is_a_problem_document(alone: TestClient, method: str, path: str, status: int, says: str) -> None:
    answer = alone.request(method, path)
    found = answer.json()
    assert (answer.status_code, answer.headers["content-type"], found["status"]) == (status, MEDIA_TYPE, status)
    assert says in found["detail"]
    assert found["type"].startswith("urn:garonne:problem:")
    assert found["instance"] == path.partition("?")[0]


@pytest.mark.parametrize("path", ["/health", f"{DATASETS}/weather_observed/latest", f"{DATASETS}/ledger"])
def test_without_elasticsearch_the_caller_is_told_when_to_come_again(alone: TestClient, path: str) -> None:
    answer = alone.get(path, headers={"X-API-Key": f"garonne_{'0' * 16}_{'0' * 43}"} if path.endswith("ledger") else {})
    assert (answer.status_code, answer.headers["content-type"]) == (503, MEDIA_TYPE)
    assert int(answer.headers["retry-after"]) > 0


def test_too_much_is_refused(alone: TestClient) -> None:
    assert alone.get(f"{DATASETS}?{'a' * 20_000}").status_code == 414
    assert alone.request("POST", DATASETS, content=b"x" * 100_000).status_code == 413


def test_an_address_that_is_too_long_is_told_so_however_it_comes_in(services: Services) -> None:
    """A connection that is closed before all was read is reset, and the caller never sees why."""
    line = f"GET {DATASETS}?{'a' * 150_000} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n".encode()
    with on_a_port(application(services)) as address, socket.create_connection(where(address), timeout=30) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(line), 10_000):
            peer.sendall(line[start : start + 10_000])
            time.sleep(0.005)  # so that it is read in parts; nothing waits for it
        assert peer.makefile("rb").read().startswith(b"HTTP/1.1 414 ")


def where(address: str) -> tuple[str, int]:
    host, _, port = address.removeprefix("http://").partition(":")
    return host, int(port)


def test_a_key_that_opens_nothing_is_not_taken_for_nobody(alone: TestClient) -> None:
    for headers in ({"X-API-Key": "guessed"}, {"Authorization": "Apikey guessed"}, {"Authorization": "Basic eDp5"}):
        answer = alone.get(DATASETS, headers=headers)
        assert (answer.status_code, "WWW-Authenticate" in answer.headers) == (401, True)


def test_a_mistake_of_ours_tells_nothing_of_the_inside(services: Services) -> None:
    app = application(services)

    @app.get("/fails")
    def fails() -> None:
        raise KeyError("postgres://user:password@host")

    answer = TestClient(app, raise_server_exceptions=False).get("/fails")
    assert (answer.status_code, answer.headers["content-type"]) == (500, MEDIA_TYPE)
    assert "password" not in answer.text


def test_what_takes_too_long_is_given_up(services: Services) -> None:
    app = application(services, answer_seconds=0.05)
    released = asyncio.Event()

    @app.get("/waits")
    async def waits() -> None:
        await released.wait()

    answer = TestClient(app).get("/waits")
    assert (answer.status_code, answer.headers["content-type"]) == (503, MEDIA_TYPE)
    assert answer.json()["type"] == "urn:garonne:problem:too-slow"


def test_the_documentation_asks_no_other_server(alone: TestClient) -> None:
    page = alone.get("/docs")
    assert page.status_code == 200
    assert "//" not in page.text.replace("/docs/assets//", "").split("<script>")[0].replace("<!DOCTYPE", "")
    for file in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png"):
        assert f"/docs/assets/{file}" in page.text
        assert alone.get(f"/docs/assets/{file}").status_code == 200


def test_no_cache_keeps_what_a_key_has_opened(alone: TestClient) -> None:
    for path in (DATASETS, f"{DATASETS}/nothing"):
        headers = alone.get(path).headers
        assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")
    assert "cache-control" not in alone.get("/docs/assets/swagger-ui.css").headers
