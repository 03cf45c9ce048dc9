"""Row 23, SET and politeness: REST sources that say wait, fail, dawdle, cut their answers, or have nothing new.

That a frozen feed is `stale` within two periods is shown in tests/servers/test_health.py.
"""

from __future__ import annotations

import asyncio
import gzip
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path

import pytest

from connectors.cursor import Cursor
from connectors.delivery import Context
from runtime.endpoints import Endpoints
from tests.connectors.scripted import Answer, Errors, Request, ScriptedServer, answer, polled
from tests.faults.sources import Portal
from tests.servers.ingesting import City, count, until

BODY = answer(body=b"{}", ETag='"1"')
UNCHANGED = answer("304 Not Modified", ETag='"1"')
BUSY = ("429 Too Many Requests", "503 Service Unavailable")
WATCHED_SECONDS = 1.5
SLOW_SECONDS = 0.5
MOST_ATTEMPTS = 15
STEPS = 30


@pytest.fixture
def feed(tmp_path: Path) -> Context:
    """What a poller knows of its feed."""
    return Context("toulouse", "test-feed", tmp_path, Cursor(), Errors().report)


def asked(feed: Context, answers: Sequence[Answer | float | None], requests: int, **options: float) -> list[Request]:
    """What a poller asked a server that gives these answers, until it had asked so often."""
    return asyncio.run(polled(feed, ScriptedServer(answers), requests=requests, **options)).server.requests


def pauses(requests: Sequence[Request]) -> list[float]:
    """Seconds between one request and the next."""
    return [b.at - a.at for a, b in pairwise(requests)]


@pytest.mark.parametrize("status", BUSY)
def test_a_server_that_says_how_long_to_wait_is_asked_no_sooner_after_its_answer(feed: Context, status: str) -> None:
    def busy(_: Request) -> bytes:
        time.sleep(SLOW_SECONDS)
        return answer(status, Retry_After="1")

    requests = asked(feed, [busy, answer(status, Retry_After="0"), BODY], 3)
    assert 1 <= pauses(requests)[0] - SLOW_SECONDS < 2


def test_a_time_to_wait_for_is_waited_for(feed: Context) -> None:
    def busy(_: Request) -> bytes:
        return answer(BUSY[0], Retry_After=format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True))

    assert 0.9 <= pauses(asked(feed, [busy, BODY], 2))[0] < 3


def test_nobody_makes_a_feed_wait_longer_than_it_says(feed: Context) -> None:
    requests = asked(feed, [answer(BUSY[0], Retry_After="86400"), BODY], 2, max_retry_seconds=0.3)
    assert 0.3 <= pauses(requests)[0] < 2


@pytest.mark.parametrize("fault", [answer("500 Oops"), answer("404 Not Found"), None, b"not http\r\n\r\n"])
def test_a_server_that_fails_is_asked_ever_less_often(feed: Context, fault: bytes | None) -> None:
    async def main() -> int:
        server = ScriptedServer([fault])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(WATCHED_SECONDS):
                await polled(feed, server, requests=1_000, retry_seconds=0.05)
        return len(server.requests)

    assert 2 <= asyncio.run(main()) <= MOST_ATTEMPTS


def test_after_a_success_the_period_is_kept_again(feed: Context) -> None:
    answers = [*[answer("500 Oops")] * 5, BODY, UNCHANGED]
    requests = asked(feed, answers, 9, retry_seconds=0.01, period_seconds=0.3)
    assert all(0.25 < pause < 1 for pause in pauses(requests)[5:])


def test_an_answer_that_has_not_changed_is_not_taken_again(feed: Context) -> None:
    result = asyncio.run(polled(feed, ScriptedServer([BODY, UNCHANGED]), 1, 6, period_seconds=0.02))
    assert result.bodies == [b"{}"]
    assert [r.headers.get("if-none-match") for r in result.server.requests[:6]] == [None, *['"1"'] * 5]


class Rough(Portal):
    """A portal that has something new each time, and seldom gives it whole at once."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._rng = random.Random(seed)
        self.steps = 0
        self.broken: set[bytes] = set()

    def __call__(self, request: Request) -> bytes:
        if self.steps < STEPS:
            self.names += [f"{self.steps}-{n}" for n in range(5)]
            self.steps += 1
        whole = super().__call__(request)
        if self.steps == STEPS or whole.startswith(b"HTTP/1.1 304"):
            return whole
        return self._rng.choice([self._good, self._busy, self._failing, self._cut, self._packed_and_cut, self._half])(
            whole
        )

    def _good(self, whole: bytes) -> bytes:
        return whole

    def _busy(self, _: bytes) -> bytes:
        return answer(self._rng.choice(BUSY), Retry_After="0")

    def _failing(self, _: bytes) -> bytes:
        return answer(self._rng.choice(["500 Oops", "502 Bad Gateway", "504 Gateway Timeout"]))

    def _cut(self, whole: bytes) -> bytes:
        return whole[: len(whole) * 2 // 3]

    def _packed_and_cut(self, whole: bytes) -> bytes:
        packed = gzip.compress(_body(whole))
        return answer(body=packed[: len(packed) // 2], Content_Encoding="gzip", ETag=self._tag())

    def _half(self, whole: bytes) -> bytes:
        """Half a document that says it is whole: only its format can tell."""
        body = _body(whole)[: len(whole) // 2]
        self.broken.add(body)
        return answer(body=body, ETag=self._tag())

    def _tag(self) -> str:
        return f'"{len(self.names)}"'


def _body(whole: bytes) -> bytes:
    return whole.partition(b"\r\n\r\n")[2]


@pytest.mark.servers
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_lost_and_what_is_cut_is_one_dead_letter(servers: Endpoints, tmp_path: Path, seed: int) -> None:
    city, source = City(servers, tmp_path), Rough(seed)

    async def main() -> None:
        async with ScriptedServer([source]).running() as server:
            pace = {"period_seconds": 0.02, "retry_seconds": 0.02, "max_retry_seconds": 0.1}
            polled = city.feed("rough", {"kind": "http", "url": server.url, **pace})
            async with city.ingesting(polled):
                await until(lambda: source.steps == STEPS, "all is there")
                await until(lambda: count(polled, "accepted") == len(source.names), "all is taken")

    asyncio.run(main())
    assert city.entities() == sorted(source.names)
    assert {letter["payload"] for letter in city.events("dead_letter")} == source.broken != set()
    assert len(city.events("dead_letter")) == len(source.broken)
