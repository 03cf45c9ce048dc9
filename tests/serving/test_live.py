"""Live updates are bounded: by client, by caller and in all; and what was missed comes later."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from elasticsearch import ConnectionError as AwayError

from serving import live
from serving.access.levels import Level
from serving.access.view import Dataset, View
from serving.live import MAX_OF_OWNER, MAX_WAITING, Live
from serving.problems import ProblemError
from serving.queries.bodies import Document, Position
from serving.queries.conditions import Compare, Everything
from serving.queries.reader import Reader
from tests.servers.serving import probes

SEEN = View(Dataset(probes()["probe_observed"], is_latest=True), Level.OPEN, None)


class Written:
    """A reader of one index in which a state is written each time it is asked, unless it is away."""

    def __init__(self) -> None:
        self.count = 0
        self.is_away = False

    def position(self, _: View) -> Position:
        return {"index": 0}

    def changes(self, _: View, __: Any, ___: Position, ____: int) -> tuple[list[Document], Position]:
        if self.is_away:
            raise AwayError("away")
        self.count += 1
        repeated = [{"tenant": "balma", "entity_id": str(n)} for n in range(max(self.count - 2, 0), self.count)]
        return repeated, {"index": self.count}


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    monkeypatch.setattr(live, "PERIOD_SECONDS", 0.001)
    return Written()


def listening_to(written: Written) -> Live:
    return Live(cast(Reader, written))


async def heard(listener: live.Listener, count: int) -> list[str]:
    found: list[str] = []
    while len(found) < count:
        found += [d["entity_id"] for d in (await asyncio.wait_for(listener.waiting.get(), 10)).documents]
    return found


def test_each_change_is_heard_once_although_answers_overlap(written: Written) -> None:
    async def listen() -> list[str]:
        async with listening_to(written).listening([SEEN], Everything(), "me") as listener:
            return await heard(listener, 8)

    assert asyncio.run(listen())[:8] == [str(n) for n in range(1, 9)]


def test_what_is_missed_while_elasticsearch_is_away_comes_later(written: Written) -> None:
    async def listen() -> list[str]:
        async with listening_to(written).listening([SEEN], Everything(), "me") as listener:
            first = await heard(listener, 2)
            written.is_away = True
            await asyncio.sleep(0.02)
            written.is_away = False
            return first + await heard(listener, 4)

    found = asyncio.run(listen())
    assert found == [str(n) for n in range(1, len(found) + 1)]


def test_a_client_that_does_not_take_its_changes_is_left_behind(written: Written) -> None:
    async def listen() -> tuple[bool, int]:
        async with listening_to(written).listening([SEEN], Everything(), "slow") as listener:
            async with asyncio.timeout(30):
                while not listener.is_behind:
                    await asyncio.sleep(0.001)
            return listener.is_behind, listener.waiting.qsize()

    assert asyncio.run(listen()) == (True, MAX_WAITING)


def test_equal_questions_share_a_channel_and_the_last_to_leave_ends_it(written: Written) -> None:
    async def listen() -> list[int]:
        every = listening_to(written)
        sizes = []
        async with every.listening([SEEN], Everything(), "a"), every.listening([SEEN], Everything(), "b"):
            sizes.append(len(every._channels))
            async with every.listening([SEEN], Compare("state", "=", "free"), "a"):
                sizes.append(len(every._channels))
        return [*sizes, len(every._channels)]

    assert asyncio.run(listen()) == [1, 2, 0]


def test_a_listener_to_several_datasets_is_one_listener_and_is_told_which_has_changed(written: Written) -> None:
    other = View(Dataset(probes()["probe_partner"], is_latest=True), Level.PARTNER, None)

    async def listen() -> tuple[set[str], int]:
        every = listening_to(written)
        async with every.listening([SEEN, other], Everything(), "me") as listener:
            heard = {(await asyncio.wait_for(listener.waiting.get(), 10)).dataset for _ in range(8)}
            return heard, len(every._listeners())

    assert asyncio.run(listen()) == ({"probe_observed_latest", "probe_partner_latest"}, 1)


def test_a_caller_may_not_take_all_the_room(written: Written) -> None:
    async def listen() -> None:
        every = listening_to(written)
        open_ones = [every.listening([SEEN], Everything(), "greedy") for _ in range(MAX_OF_OWNER)]
        for one in open_ones:
            await one.__aenter__()
        try:
            async with every.listening([SEEN], Everything(), "modest"):
                pass
            with pytest.raises(ProblemError) as refused:
                await every.listening([SEEN], Everything(), "greedy").__aenter__()
            assert refused.value.status == 429
        finally:
            for one in open_ones:
                await one.__aexit__(None, None, None)

    asyncio.run(listen())
