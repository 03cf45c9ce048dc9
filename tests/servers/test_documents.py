"""Reading documents back while a shard of their index is not there yet."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from elasticsearch import ApiError, Elasticsearch

from runtime.elastic import documents
from runtime.elastic.client import client
from runtime.endpoints import Endpoints

pytestmark = pytest.mark.servers

INDEX = "documents-of-an-index-without-shards"
NOWHERE = {"index.routing.allocation.require._name": "no-such-node"}
ANYWHERE = {"index.routing.allocation.require._name": None}


@pytest.fixture
def es(servers: Endpoints) -> Iterator[Elasticsearch]:
    es = client(servers)
    es.indices.create(index=INDEX, settings=NOWHERE, wait_for_active_shards="0")
    yield es
    es.indices.delete(index=INDEX)


def test_a_reader_waits_for_the_shards_of_an_index(es: Elasticsearch) -> None:
    with pytest.raises(ApiError, match="503"):
        es.open_point_in_time(index=INDEX, keep_alive="1m")
    mended = threading.Timer(1.0, lambda: es.indices.put_settings(index=INDEX, settings=ANYWHERE))
    mended.start()
    try:
        assert documents.found(es, INDEX) == {}
    finally:
        mended.join()
