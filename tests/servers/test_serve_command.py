"""`garonne serve` and `garonne keys` as a person runs them."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from pydantic import SecretStr
from typer.testing import CliRunner

from garonne import keys as command
from garonne import serve as serve_command
from runtime.elastic.client import client
from runtime.endpoints import Endpoints
from runtime.processes import running
from runtime.settings import settings
from tests.servers.served import serving
from tests.serving import scripted_issuer

pytestmark = pytest.mark.servers


@pytest.fixture
def keys(servers: Endpoints, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """The command on the test servers; what it prints on standard output."""
    monkeypatch.setattr(command, "endpoints", lambda _: servers)
    monkeypatch.setattr(command.console, "width", 200)

    def run(*words: str) -> str:
        done = CliRunner().invoke(command.app, words)
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


def test_a_key_opens_what_it_says_until_it_is_revoked(
    servers: Endpoints, tmp_path: Path, keys: Callable[..., str]
) -> None:
    key = keys("add", "the town hall", "--tenant", "balma", "--level", "private").strip()
    key_id = key.split("_")[1]
    here = settings().model_copy(update={"state": tmp_path})
    with serving(tmp_path, servers) as address:
        assert [p.name for p in running(here)] == ["api"]
        ledger = f"{address}/api/v1/datasets/ledger"
        assert httpx2.get(ledger, headers={"X-API-Key": key}, timeout=30).json()["tenants"] == ["balma"]
        assert httpx2.get(ledger, timeout=30).status_code == 404
        listed = keys("list")
        assert key_id in listed
        assert "the town hall" in listed
        assert key not in listed
        keys("revoke", key_id)
        assert httpx2.get(ledger, headers={"X-API-Key": key}, timeout=30).status_code == 401
    assert running(here) == []
    assert not (tmp_path / "processes" / "api.json").exists()
    assert key.split("_", 2)[2] not in (tmp_path / "api.log").read_text()


def test_a_token_of_an_issuer_in_the_file_opens_what_the_file_says(
    servers: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted_issuer.running(scripted_issuer.rsa("a")) as issuer:
        trusted = issuer.trusted("metropole").model_dump(mode="json")
        (tmp_path / "issuers.yaml").write_text(yaml.safe_dump({"issuers": [trusted]}), encoding="utf-8")
        monkeypatch.setenv("GARONNE_ISSUERS", str(tmp_path / "issuers.yaml"))
        with serving(tmp_path, servers) as address:
            ledger = f"{address}/api/v1/datasets/ledger"

            def asked(**claims: Any) -> httpx2.Response:
                return httpx2.get(ledger, headers={"Authorization": f"Bearer {issuer.token(**claims)}"}, timeout=30)

            assert asked().json()["tenants"] == ["balma"]
            assert asked(groups=[]).status_code == 404
            assert asked(aud="another").status_code == 401
            assert issuer.reads == 1


def test_a_login_with_few_rights_and_an_elasticsearch_that_is_away_are_no_surprise(
    servers: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve_command, "settings", lambda: settings().model_copy(update={"state": tmp_path}))
    away = servers.model_copy(update={"elasticsearch_url": "http://127.0.0.1:1"})
    with pytest.raises(RuntimeError, match=r"no answer from http://127\.0\.0\.1:1"):
        serve_command._reading(away)
    reading = serve_command._reading(servers)
    assert reading.elasticsearch_api_key is not None
    assert serve_command._reading(away).elasticsearch_api_key == reading.elasticsearch_api_key
    assert serve_command._reading(reading) == reading
    password = secrets.token_hex()
    few = {"elasticsearch_user": "few", "elasticsearch_password": SecretStr(password)}
    es = client(servers)
    es.security.put_user(username="few", password=password, roles=["viewer"])
    try:
        assert serve_command._reading(servers.model_copy(update=few)).elasticsearch_api_key is None
    finally:
        es.security.delete_user(username="few")
