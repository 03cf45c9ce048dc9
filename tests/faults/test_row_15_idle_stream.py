"""Row 15, CONT: a feed that falls silent holds up no other, neither in the connectors nor in the figures."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs.engine.context import Context
from jobs.job import all_jobs
from runtime.endpoints import Endpoints
from tests.connectors.scripted import ScriptedServer, answer
from tests.faults.figures import expected, indexed, work_off
from tests.faults.sources import folder, radio
from tests.servers import events as made
from tests.servers.ingesting import City, message
from tests.servers.stacks import Stack

pytestmark = [pytest.mark.servers, pytest.mark.faults]

NOON = made.START + timedelta(hours=made.HOURS / 2)
BY_SITE, HOURLY = all_jobs()["parking_by_site"], all_jobs()["heat_island_hourly"]


def test_a_source_that_falls_silent_holds_up_no_other_feed(servers: Endpoints, tmp_path: Path) -> None:
    city = City(servers, tmp_path)
    moving, quiet = folder(city), radio(city)

    async def main() -> None:
        async with ScriptedServer([answer(body=message("polled", 1)), 3600.0]).running() as server:
            hung = city.feed("hung", {"kind": "http", "url": server.url, "period_seconds": 0.05})
            async with city.ingesting(hung, quiet.feed, moving.feed):
                await city.until_settled({"polled"})
                for number in range(3):
                    moving.give([f"file-{number}"])
                    await city.until_settled({f"file-{number}"})
            assert len(server.requests) == 2

    asyncio.run(main())
    assert city.entities() == ["file-0", "file-1", "file-2", "polled"]


@pytest.mark.faults
@pytest.mark.spark
def test_figures_of_others_go_on_when_a_city_or_a_trade_falls_silent(
    own_servers: Stack, spark: SparkSession, tmp_path: Path
) -> None:
    context = Context(own_servers.up(), tmp_path)
    context.prepare()
    moving, silent = made.events(15, "moving"), made.events(15, "silent")
    for city in (moving, silent):
        for job in (BY_SITE, HOURLY):
            made.produce(context, job.reads, [e for e in city[job.reads] if e["observed_at"] < NOON])
    work_off(spark, context, [BY_SITE, HOURLY])
    made.produce(context, BY_SITE.reads, [e for e in moving[BY_SITE.reads] if e["observed_at"] >= NOON])
    work_off(spark, context, [BY_SITE, HOURLY])

    assert indexed(context, BY_SITE, "moving") == expected(spark, BY_SITE, moving[BY_SITE.reads])
    for city, job in ((silent, BY_SITE), (silent, HOURLY), (moving, HOURLY)):
        before = [e for e in city[job.reads] if e["observed_at"] < NOON]
        assert indexed(context, job, before[0]["tenant"]) == expected(spark, job, before) != {}
