from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import pytest

from simulator.city import City
from simulator.clock import CityClock
from simulator.faults import Faults
from simulator.local_time import HOUR
from simulator.offer import Offer, offer_of
from simulator.serving.broadcast import Broadcast
from simulator.serving.drops import Drops
from simulator.serving.tally import Tally
from simulator.sizes import SMALL

START = 1_784_030_400.0
FAULTS = Faults(duplicate_rate=0.05, broken_rate=0.05, disorder_rate=0.3)


class Sent:
    """A publisher that keeps what it is given."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []
        self.in_flight = self.acknowledged = 0
        self.last_heard = 0.0

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def send(self, messages: Iterable[tuple[bytes, bytes]]) -> None:
        self.payloads += [payload for _, payload in messages]

    async def drain(self) -> None:
        return


class Real:
    now = START + HOUR

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def real() -> Real:
    return Real()


@pytest.fixture
def clock(real: Real) -> CityClock:
    return CityClock(history_hours=1, history_seconds=10, real=real)


@pytest.fixture
def offer() -> Offer:
    return offer_of(City(5, SMALL))


async def run_for_a_moment(broadcast: Broadcast, until: int) -> None:
    task = asyncio.create_task(broadcast.run())
    async with asyncio.timeout(10):
        while broadcast.sent < until:
            await asyncio.sleep(0.005)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_before_the_clock_begins_nothing_is_said(offer: Offer, clock: CityClock) -> None:
    sent = Sent()
    broadcast = Broadcast(offer.radio, sent, clock, FAULTS, Tally(5, "toulouse", clock))  # type: ignore[arg-type]

    async def run() -> None:
        task = asyncio.create_task(broadcast.run())
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert sent.payloads == []


def test_all_that_is_published_until_now_is_said_and_nothing_after(offer: Offer, clock: CityClock, real: Real) -> None:
    sent, tally = Sent(), Tally(5, "toulouse", clock)
    broadcast = Broadcast(offer.radio, sent, clock, FAULTS, tally)  # type: ignore[arg-type]
    clock.begin()
    real.now += 5.05
    asyncio.run(run_for_a_moment(broadcast, int(clock.now())))
    until = int(clock.now()) + 1
    wanted = [m for source in offer.radio for m in source.published(int(START), until, FAULTS)[0]]
    assert sorted(sent.payloads) == sorted(m.payload for m in wanted)
    assert broadcast.until == until - FAULTS.longest_delay
    said = [e.counts for e in tally.sources.values()]
    assert sum(c.good + c.duplicate + c.broken for c in said) >= len(wanted)


def test_files_come_when_their_time_is_over_and_are_never_half(
    offer: Offer, clock: CityClock, real: Real, tmp_path: Path
) -> None:
    folder = tmp_path / "drop"
    drops = Drops(offer.traffic, folder, clock, FAULTS, Tally(5, "toulouse", clock))

    async def run() -> None:
        task = asyncio.create_task(drops.run())
        await asyncio.sleep(0.05)
        assert list(folder.iterdir()) == []
        clock.begin()
        real.now += 2.6  # 936 s of the city: three files of five minutes
        async with asyncio.timeout(5):
            while len(list(folder.glob("*.gz"))) < 3:
                await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    names = sorted(p.name for p in folder.iterdir())
    assert names == [f"trafic-20260714T12{m:02d}00Z.csv.gz" for m in (0, 5, 10)]
    assert drops.until == START + 900
    assert (folder / names[1]).read_bytes() == offer.traffic.answer(int(START) + 300, FAULTS).body


def test_the_folder_does_not_grow_for_ever(offer: Offer, clock: CityClock, tmp_path: Path) -> None:
    drops = Drops(offer.traffic, tmp_path, clock, Faults(), Tally(5, "toulouse", clock))
    old = drops.drop(int(START))
    drops.drop(int(START) + 999 * 300)
    assert old.exists()
    drops.drop(int(START) + 1000 * 300)
    assert not old.exists()
