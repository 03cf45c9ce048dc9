"""`garonne serve` and `garonne keys` as a person runs them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from typer.testing import CliRunner

from garonne import keys as command
from runtime.endpoints import Endpoints
from runtime.processes import running
from runtime.settings import settings
from tests.servers.served import serving

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
    assert key.split("_")[2] not in (tmp_path / "api.log").read_text()
