"""The city's HTTP server, asked in memory; its clock is moved by the test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import httpx2
import orjson
import pytest

from simulator.city import City
from simulator.clock import CityClock
from simulator.faults import Faults, Freeze
from simulator.offer import offer_of
from simulator.serving.tally import Tally
from simulator.serving.web import application, endpoints
from simulator.sizes import SMALL

START = 1_784_030_400.0  # on the hour
RECORDS = "/api/explore/v2.1/catalog/datasets/{}/records"
READINGS = RECORDS.format("stations-meteo-en-direct") + "?limit=100"
POLLED = (
    "/datex2/record/status.xml",
    "/datex2/table/status.xml",
    "/gtfs-rt/vehicle-positions.pb",
    "/gbfs/3.0/station_status.json",
    "/gbfs/2.3/station_status.json",
    READINGS,
)
DESCRIBED = (
    "/datex2/record/sites.xml",
    "/datex2/table/facilities.xml",
    "/gtfs/static.zip",
    "/gbfs/3.0/gbfs.json",
    "/gbfs/3.0/station_information.json",
    "/gbfs/2.3/gbfs.json",
    "/gbfs/2.3/station_information.json",
    RECORDS.format("stations-meteo-en-place"),
)


class Served:
    """A small city that is live at its start; `pass_` lets time go by."""

    def __init__(self, faults: Faults | None = None) -> None:
        faults = faults or Faults()
        self.real = START
        self.clock = CityClock(history_hours=0, real=lambda: self.real)
        self.clock.begin()
        offer = offer_of(City(5, SMALL))
        self.tally = Tally(5, "toulouse", self.clock)
        self.polled = endpoints(offer, self.clock, faults, self.tally)
        transport = httpx2.ASGITransport(app=application(offer, self.clock, self.polled, self.tally))
        self.client = httpx2.AsyncClient(transport=transport, base_url="http://city")

    def pass_(self, seconds: float) -> None:
        self.real += seconds

    async def get(self, path: str, etag: str | None = None) -> httpx2.Response:
        return await self.client.get(path, headers={"If-None-Match": etag} if etag else {})


def served(test: Callable[[Served], Coroutine[None, None, None]], faults: Faults | None = None) -> None:
    asyncio.run(test(Served(faults)))


@pytest.mark.parametrize("path", POLLED)
def test_every_polled_source_has_its_first_step_at_once(path: str) -> None:
    async def test(city: Served) -> None:
        answer = await city.get(path)
        assert answer.status_code == 200
        assert answer.content
        assert answer.headers["ETag"] == f'"{int(START)}.0"'

    served(test)


@pytest.mark.parametrize("path", DESCRIBED)
def test_what_describes_a_source_can_be_asked_for_on_condition(path: str) -> None:
    async def test(city: Served) -> None:
        first = await city.get(path)
        assert first.status_code == 200
        if "ETag" in first.headers:
            assert (await city.get(path, first.headers["ETag"])).status_code == 304

    served(test)


def test_steps_that_are_due_follow_at_once_and_max_age_says_when_the_next_one_comes() -> None:
    async def test(city: Served) -> None:
        path = POLLED[0]
        city.pass_(130)
        first = await city.get(path)
        second = await city.get(path, first.headers["ETag"])
        third = await city.get(path, second.headers["ETag"])
        ages = [a.headers["Cache-Control"] for a in (first, second, third)]
        assert ages == ["max-age=0", "max-age=0", "max-age=50"]
        assert len({a.content for a in (first, second, third)}) == 3

    served(test)


def test_when_nothing_is_due_the_answer_is_304_with_the_time_to_wait() -> None:
    async def test(city: Served) -> None:
        path = POLLED[0]
        first = await city.get(path)
        city.pass_(20)
        none = await city.get(path, first.headers["ETag"])
        assert (none.status_code, none.content) == (304, b"")
        assert none.headers["ETag"] == first.headers["ETag"]
        assert none.headers["Cache-Control"] == "max-age=40"
        city.pass_(40)
        assert (await city.get(path, first.headers["ETag"])).status_code == 200

    served(test)


def test_a_lost_answer_comes_again_and_counts_once() -> None:
    async def test(city: Served) -> None:
        path = POLLED[0]
        city.pass_(60)
        first = await city.get(path)
        lost = await city.get(path, first.headers["ETag"])
        again = await city.get(path, first.headers["ETag"])
        assert again.content == lost.content
        assert city.tally.sources["parking_record"].counts.good == 2 * SMALL.parking_record

    served(test)


def test_somebody_who_only_looks_takes_no_step_away() -> None:
    async def test(city: Served) -> None:
        path = POLLED[0]
        city.pass_(600)
        first = await city.get(path)
        for _ in range(3):
            assert (await city.get(path)).content == first.content
        assert (await city.get(path, first.headers["ETag"])).content != first.content

    served(test)


def test_a_client_that_comes_a_little_early_is_kept_waiting() -> None:
    async def test(city: Served) -> None:
        path = POLLED[0]
        first = await city.get(path)
        city.pass_(59)
        waiting = asyncio.create_task(city.get(path, first.headers["ETag"]))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        city.pass_(1)
        assert (await waiting).status_code == 200

    served(test)


def test_a_frozen_source_says_the_old_step_under_a_new_etag() -> None:
    async def test(city: Served) -> None:
        path = POLLED[0]
        city.pass_(300)
        answers = [await city.get(path)]
        for _ in range(3):
            answers.append(await city.get(path, answers[-1].headers["ETag"]))
        assert answers[1].content == answers[2].content
        assert answers[1].headers["ETag"] != answers[2].headers["ETag"]
        assert answers[3].content != answers[2].content
        assert city.tally.sources["parking_record"].counts.frozen == 1
        assert city.tally.sources["parking_record"].counts.good == 3 * SMALL.parking_record

    served(test, Faults(freezes=(Freeze("parking_record", int(START) + 70, int(START) + 130),)))


def test_the_portal_gives_as_many_records_as_are_asked_for() -> None:
    async def test(city: Served) -> None:
        path = RECORDS.format("stations-meteo-en-place")
        two = orjson.loads((await city.get(path + "?limit=2&offset=1")).content)
        whole = orjson.loads((await city.get(path + "?limit=100")).content)
        assert two["total_count"] == whole["total_count"] == SMALL.weather_portal
        assert two["results"] == whole["results"][1:3]
        assert (await city.get(path + "?limit=1000")).status_code == 400
        assert (await city.get(path + "?limit=many")).status_code == 400

    served(test)


def test_gbfs_points_to_addresses_that_answer() -> None:
    async def test(city: Served) -> None:
        for path, feeds in (("/gbfs/3.0/gbfs.json", ["feeds"]), ("/gbfs/2.3/gbfs.json", ["fr", "feeds"])):
            found = orjson.loads((await city.get(path)).content)["data"]
            for name in feeds:
                found = found[name]
            for feed in found:
                assert (await city.client.get(feed["url"])).status_code == 200

    served(test)


def test_the_status_says_what_was_served_and_how_far_it_has_arrived() -> None:
    async def test(city: Served) -> None:
        path = POLLED[2]
        city.pass_(60)
        etag = None
        for _ in range(3):
            etag = (await city.get(path, etag)).headers["ETag"]
        status = orjson.loads((await city.get("/status")).content)
        assert (status["seed"], status["tenant"], status["city_time"]) == (5, "toulouse", "2026-07-14T12:01:00Z")
        buses = status["sources"]["buses"]
        assert buses["events"] == 3 * SMALL.buses
        assert buses["delivered_until"] == "2026-07-14T12:01:00Z"
        assert status["delivered_until"] == "2026-07-14T12:00:00Z"

    served(test)


def test_there_is_an_index_and_nothing_else() -> None:
    async def test(city: Served) -> None:
        index = orjson.loads((await city.get("/")).content)
        assert set(index) == {"/status", *DESCRIBED, *(p.partition("?")[0] for p in POLLED)}
        assert (await city.get("/etc/passwd")).status_code == 404

    served(test)
