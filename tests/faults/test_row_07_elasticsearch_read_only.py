"""Row 7: an index takes no writes since the disk is as good as full. Writing waits, says why, and goes on by itself."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from jobs.engine.context import Context
from jobs.job import all_jobs
from runtime.elastic import bulk
from schemas import contract
from schemas.documents import index_name
from tests.faults import figures
from tests.servers import events as city

pytestmark = pytest.mark.servers

JOB = all_jobs()["traffic_by_segment"]
TRAFFIC = contract(JOB.reads)
BLOCK = "index.blocks.read_only_allow_delete"


def actions(tenant: str, count: int, first: int = 0) -> list[bulk.Action]:
    index = index_name(TRAFFIC, tenant, city.START)
    source = b'{"tenant":"%s"}' % tenant.encode()
    return [bulk.Action(index, f"{tenant}|{n}", n, source) for n in range(first, first + count)]


def test_a_blocked_index_is_waited_for_and_the_reason_is_said(context: Context) -> None:
    tenant = "row07block"
    bulk.write(context.es, actions(tenant, 5))
    index = index_name(TRAFFIC, tenant, city.START)
    context.es.indices.put_settings(index=index, settings={BLOCK: True})
    waits = 0

    def wait(*_: object) -> None:
        nonlocal waits
        waits += 1
        if waits == 3:
            context.es.indices.put_settings(index=index, settings={BLOCK: None})

    with capture_logs() as logs:
        outcome = bulk.write(context.es, actions(tenant, 20), wait)
    assert (outcome.written, outcome.refused) == (20, [])
    assert len(logs) == waits == 3
    assert all("flood-stage watermark" in entry["reason"] for entry in logs)
    assert len(figures.of(context, JOB.reads, tenant)) == 20
