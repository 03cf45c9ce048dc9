"""Every panel's query runs on Elasticsearch and gives the columns that the panel names."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from garonne import kibana as command
from garonne.kibana import panel_rows
from runtime.elastic.bulk import write
from runtime.elastic.client import client
from runtime.elastic.setup import ensure_templates
from runtime.endpoints import Endpoints
from schemas import contracts
from serving.kibana.aggregations import columns
from serving.kibana.panels import Panel, dashboards
from tests.servers.serving import actions, examples

pytestmark = pytest.mark.servers

TENANT = "demotown"  # as in the tests of the demo's identities: indices are slow to make
PANELS = [pytest.param(p, id=f"{name}-{p.id}") for name, d in dashboards().items() for p in d.panels]


@pytest.fixture(scope="module")
def filled(servers: Endpoints) -> Endpoints:
    """Elasticsearch with the good examples of every contract."""
    es = client(servers)
    ensure_templates(es, contracts().values())
    for contract in contracts().values():
        write(es, list(actions(contract, iter(examples(contract, TENANT)))), visible=True)
    return servers


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_gets_its_columns(filled: Endpoints, panel: Panel) -> None:
    found = panel_rows(client(filled), panel)
    assert found
    assert all(list(row) == columns(panel) for row in found)
    for label, measure in panel.measures.items():
        has_values = any(d.get(measure.field or "tenant") is not None for d in examples(panel.of, TENANT))
        assert not has_values or any(row[label] is not None for row in found)


def test_the_command_says_how_many_rows_each_panel_has(filled: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "endpoints", lambda _: filled)
    monkeypatch.setattr(command.console, "width", 200)
    done = CliRunner().invoke(command.app, ["check"])
    assert done.exit_code == 0, done.output
    assert done.stdout.count("│ heat ") == len(dashboards()["heat"].panels)
