"""Row 6: the mapping of an index refuses documents. One in a thousand is one dead letter; when all are refused the
mapping is wrong: the query pauses, says so, keeps its place, and goes on once the mapping is mended."""

from __future__ import annotations

import pytest
from prometheus_client import REGISTRY
from pyspark.sql import SparkSession

from jobs.engine.context import Context
from schemas import contract
from tests.faults import figures
from tests.faults.live import living
from tests.servers import events as city
from tests.servers.stacks import until

pytestmark = [pytest.mark.servers, pytest.mark.spark]

PARKING = contract("parking_observed")
EVENTS = city.events(6, "row06")["parking_observed"][:1000]
LIMIT_SECONDS = 180


def of(tenant: str, zone: str) -> list[city.Event]:
    return [{**e, "tenant": tenant, "zone_id": zone} for e in EVENTS]


def index_with_numbered_zones(context: Context, tenant: str) -> str:
    """The index that the events go to, in which a zone has to be a number."""
    index = f"{PARKING.alias}-{tenant}-2026.07"
    context.es.indices.create(index=index, mappings={"properties": {"zone_id": {"type": "long"}}})
    return index


def test_one_bad_document_in_a_thousand_is_one_dead_letter(spark: SparkSession, context: Context) -> None:
    tenant = "row06one"
    index = index_with_numbered_zones(context, tenant)
    every = of(tenant, "7")
    every[500] = {**every[500], "zone_id": "centre"}
    city.produce(context, PARKING.name, every)
    figures.work_off(spark, context, with_letters=True)
    assert figures.observed(context, PARKING.name, tenant) == figures.keys(every[:500] + every[501:])
    [letter] = figures.letters(context, tenant)
    assert (letter["stage"], letter["reason"]) == ("index", "refused_by_index")
    assert letter["place"].startswith(f"{index}/{tenant}|{every[500]['entity_id']}|")
    assert "zone_id" in letter["detail"]


def test_a_wrong_mapping_pauses_the_query_until_it_is_mended(spark: SparkSession, context: Context) -> None:
    tenant = "row06all"
    index = index_with_numbered_zones(context, tenant)
    every = of(tenant, "centre")
    with living(spark, context):
        city.produce(context, PARKING.name, every)
        until(paused, "the query is paused", LIMIT_SECONDS)
        assert figures.observed(context, PARKING.name, tenant) == set()
        context.es.indices.delete(index=index)
        until(
            lambda: figures.observed(context, PARKING.name, tenant) == figures.keys(every),
            "all are indexed",
            LIMIT_SECONDS,
        )
        until(lambda: not paused(), "the pause is over", LIMIT_SECONDS)
    figures.work_off(spark, context, with_letters=True)
    assert figures.letters(context, tenant) == []


def paused() -> bool:
    """Whether the observations wait for the sink's mapping, as their metrics say."""
    return bool(REGISTRY.get_sample_value("garonne_query_paused", {"query": "observations", "reason": "sink"}))
