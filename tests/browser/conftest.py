"""The dashboards over a real Elasticsearch with a small city in it, served by `garonne serve` itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from elasticsearch import Elasticsearch
from playwright.sync_api import Browser

from runtime import metrics
from runtime.elastic.client import client
from runtime.endpoints import Endpoints
from runtime.local.errors import SetupError
from runtime.processes import announced
from runtime.settings import settings
from serving.access.keys import KeyStore, made
from serving.access.levels import Level
from tests.browser.browsing import chromium
from tests.browser.city import TENANT, fill
from tests.servers.served import serving

QUERY = "parking_by_site"
TOPIC = "city.parking_observed.v1"
LAGS = {"0": 1000, "1": 234}
WATERMARK_HOURS = 3  # before now


@dataclass(frozen=True)
class Site:
    """The address of the dashboards, a private key for them, and what is behind."""

    address: str
    key: str
    es: Elasticsearch
    now: datetime


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser of this machine; who cannot install one sees which tests were left out, and the command.

    It ends with its module: as long as Playwright is there, no other test of the run can have an event loop.
    """
    with ExitStack() as stack:
        try:
            found = stack.enter_context(chromium())
        except SetupError as e:
            pytest.skip(str(e))
        yield found


@pytest.fixture(scope="module")
def site(servers: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """This process is the driver too: it tells the lag of a query as one does."""
    es, now = client(servers), datetime.now(UTC)
    fill(es, now)
    kept, key = made([TENANT], Level.PRIVATE, "browser", 1_000_000, timedelta(days=1), now)
    KeyStore(es).add(kept)
    state = tmp_path_factory.mktemp("serve")
    driver = settings().model_copy(update={"state": state})
    with announced(driver, "jobs"), serving(state, servers, "--anonymous-per-minute", "1000000") as address:
        for partition, records in LAGS.items():
            metrics.QUERY_LAG_RECORDS.labels(QUERY, TOPIC, partition).set(records)
        metrics.QUERY_BATCH_SECONDS.labels(QUERY).observe(0.4)
        metrics.QUERY_WATERMARK.labels(QUERY).set((now - timedelta(hours=WATERMARK_HOURS)).timestamp())
        yield Site(address, key.get_secret_value(), es, now)
    metrics.QUERY_LAG_RECORDS.remove_by_labels({"query": QUERY})
    metrics.QUERY_BATCH_SECONDS.remove(QUERY)
    metrics.QUERY_WATERMARK.remove(QUERY)
    es.indices.delete(index=sorted(es.indices.get(index=f"city-*-{TENANT}-*")))
