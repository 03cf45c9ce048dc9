"""The laboratory itself: every row of the matrix has its test, and the bad network is as bad as it says."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.connectors.scripted import ScriptedServer, answer
from tests.faults.background import in_background
from tests.faults.proxy import Proxy, before
from tests.servers.stacks import until

ROW = re.compile(r"test_row_(\d\d)_[a-z0-9_]+\.py")
ROWS = {
    1: "connector killed",
    2: "Kafka killed, or halted",
    3: "driver killed",
    4: "Python worker or executor killed",
    5: "Elasticsearch away, overloaded, slow",
    6: "documents that the mapping refuses",
    7: "Elasticsearch read-only since its disk is full",
    8: "messages that cannot be decoded",
    9: "incompatible schema",
    10: "registry away",
    11: "repeats",
    12: "disorder within the delay",
    13: "later than the delay",
    14: "times in the future",
    15: "idle stream",
    16: "checkpoint lost or damaged",
    17: "query changed on an old checkpoint",
    18: "replay while live",
    19: "bad network",
    20: "disk full",
    21: "messages too large, and a burst",
    22: "MQTT broker killed",
    23: "REST sources that refuse, fail, dawdle or cut",
    24: "addresses that must not be read",
    25: "hostile documents and archives",
    26: "injection",
    27: "another tenant's documents",
    28: "secrets and plates in the open",
    29: "random faults for a while",
}
BODY = b"x" * 200_000


def test_every_row_has_its_test() -> None:
    files = [p.name for p in Path(__file__).parent.glob("test_row_*.py")]
    rows = Counter(int(found[1]) for name in files if (found := ROW.fullmatch(name)))
    assert rows.total() == len(files)
    assert set(rows) == set(ROWS)


def test_a_good_network_changes_nothing() -> None:
    assert asyncio.run(_asked(lambda _: None)) == BODY


def test_an_answer_can_be_cut_in_its_middle() -> None:
    def cut(proxy: Proxy) -> None:
        proxy.cut_after_bytes = 100_000

    with pytest.raises(ConnectionResetError):
        asyncio.run(_asked(cut))


def test_answers_can_be_late_and_slow() -> None:
    def slow(proxy: Proxy) -> None:
        proxy.latency_seconds = 0.01
        proxy.bytes_per_second = 1_000_000

    started = time.monotonic()
    assert asyncio.run(_asked(slow)) == BODY
    assert time.monotonic() - started > 0.2


def test_new_connections_can_be_refused() -> None:
    def refuse(proxy: Proxy) -> None:
        proxy.refuses = True

    with pytest.raises(ConnectionError):
        asyncio.run(_asked(refuse))


def test_a_silent_network_keeps_its_word_until_it_is_spoken_to_again_or_reset() -> None:
    async def main(proxy: Proxy) -> None:
        proxy.is_silent = True
        waiting = asyncio.create_task(_get(proxy))
        held = asyncio.create_task(_get(proxy))
        _, left = await asyncio.wait([waiting, held], timeout=0.2)
        assert len(left) == 2
        proxy.is_silent = False
        assert await waiting == await held == BODY
        proxy.is_silent = True
        cut = asyncio.create_task(_get(proxy))
        await asyncio.to_thread(until, lambda: proxy.connections == 3, "it is connected")
        proxy.reset()
        with pytest.raises(ConnectionError):
            await cut

    with (
        in_background(ScriptedServer([answer(body=BODY)]).running()) as server,
        in_background(before(server.url).running()) as proxy,
    ):
        asyncio.run(main(proxy))


async def _asked(make: object) -> bytes:
    """What a client gets through a network that was made so."""
    assert callable(make)
    async with ScriptedServer([answer(body=BODY)]).running() as server, before(server.url).running() as proxy:
        make(proxy)
        return await _get(proxy)


async def _get(proxy: Proxy) -> bytes:
    host, port = proxy.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        return (await reader.read(-1)).partition(b"\r\n\r\n")[2]
    finally:
        writer.close()
