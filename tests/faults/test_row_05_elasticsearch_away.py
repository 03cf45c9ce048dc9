"""Row 5: Elasticsearch has too much to do, breaks off or dawdles. Nothing is lost and nothing is refused."""

from __future__ import annotations

import itertools
import time

import pytest

from jobs.engine.context import Context
from jobs.job import all_jobs
from runtime.elastic import bulk
from runtime.elastic.client import client
from runtime.endpoints import Endpoints
from schemas import contract
from schemas.documents import index_name
from tests.faults import figures
from tests.faults.front import Exchange, Rule, cut, front, halve, pass_on, refuse
from tests.servers import events as city

pytestmark = pytest.mark.servers

JOB = all_jobs()["traffic_by_segment"]
TRAFFIC = contract(JOB.reads)


def dawdle(exchange: Exchange) -> None:
    """The answer comes when nobody waits for it any more."""
    time.sleep(1.5)
    pass_on(exchange)


@pytest.mark.parametrize(
    "bad", [refuse(429), refuse(503), cut, halve, dawdle], ids=["429", "503", "cut answer", "reset", "slow"]
)
def test_what_elasticsearch_does_not_take_is_sent_again(servers: Endpoints, context: Context, bad: Rule) -> None:
    tenant = f"row05n{abs(hash(bad)) % 10**8}"
    index = index_name(TRAFFIC, tenant, city.START)
    actions = [bulk.Action(index, f"{tenant}|{n}", n, b'{"tenant":"%s"}' % tenant.encode()) for n in range(300)]
    rules = itertools.chain([bad] * 4, itertools.repeat(pass_on))
    with front(servers.elasticsearch_url) as es:
        es.rule = lambda exchange: next(rules)(exchange)
        behind = servers.model_copy(update={"elasticsearch_url": es.url})
        with client(behind, timeout_seconds=1) as connection:
            outcome = bulk.write(connection, actions)
    assert outcome.refused == []
    assert set(figures.of(context, JOB.reads, tenant)) == {a.id for a in actions}
