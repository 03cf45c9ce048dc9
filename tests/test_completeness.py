"""Nothing is left without its example or its test, and no test without being run."""

from __future__ import annotations

import ast
from pathlib import Path

from jobs.job import all_jobs
from runtime.settings import PROJECT
from schemas import Kind, contract, contracts

TESTS = Path(__file__).parent


def sources(folder: str) -> str:
    return "\n".join(p.read_text(encoding="utf-8") for p in sorted((TESTS / folder).rglob("test_*.py")))


def test_there_are_contracts_and_jobs() -> None:
    assert len(contracts()) >= 14
    assert len(all_jobs()) >= 9


def test_every_result_is_made_by_a_job_and_every_job_knows_its_contracts() -> None:
    made = {j.result for j in all_jobs().values()}
    assert made == {c.name for c in contracts().values() if c.kind is Kind.RESULT}
    assert all(contract(j.reads).kind is Kind.EVENT for j in all_jobs().values())


def test_every_job_has_a_test_of_its_own() -> None:
    text = sources("jobs")
    assert [name for name in all_jobs() if name not in text] == []


def test_every_format_and_transport_has_a_test_of_its_own() -> None:
    text = sources("connectors") + sources("servers")
    plugins = [
        p.stem
        for kind in ("formats", "transports")
        for p in sorted((PROJECT / "connectors" / kind).glob("*.py"))
        if not p.stem.startswith("_")
    ]
    assert len(plugins) >= 9
    assert [name for name in plugins if name not in text] == []


def test_every_job_is_told_its_lateness_and_freshness() -> None:
    for job in all_jobs().values():
        assert job.freshness.total_seconds() > 0
        assert job.lateness >= job.window or job.lateness.total_seconds() >= 3600


def test_no_file_that_holds_tests_is_left_uncollected() -> None:
    holding = [
        path
        for path in TESTS.rglob("*.py")
        if any(
            isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        )
    ]
    assert holding
    assert [p.name for p in holding if not p.name.startswith("test_")] == []
