"""A feed that brings nothing but bad records, with real Kafka: it pauses, keeps its place, and goes on by itself."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from connectors import feed_run, lookahead
from connectors.cursor import Cursor, cursor_path
from connectors.feed import Feed
from connectors.lookahead import Lookahead
from runtime.endpoints import Endpoints
from tests.servers.ingesting import City, count, message, until
from tests.servers.radio import by_radio, publish, subscribed

pytestmark = pytest.mark.servers


@pytest.fixture
def city(servers: Endpoints, tmp_path: Path) -> City:
    return City(servers, tmp_path)


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[Lookahead]:
    """The attempts to go on that found nothing better; they are short and follow each other at once."""
    made: list[Lookahead] = []
    give_up = Lookahead._give_up

    def counted(self: Lookahead) -> None:
        made.append(self)
        give_up(self)

    monkeypatch.setattr(Lookahead, "_give_up", counted)
    monkeypatch.setattr(lookahead, "LOOK_SECONDS", 0.5)
    monkeypatch.setattr(feed_run, "RETRY_SECONDS", 0.1)
    monkeypatch.setattr(feed_run, "MAX_RETRY_SECONDS", 0.2)
    return made


def is_paused(feed: Feed) -> bool:
    return REGISTRY.get_sample_value("garonne_feed_paused", {"feed": feed.id, "tenant": feed.tenant}) == 1


def in_ledger(city: City) -> Counter[str]:
    """Records by outcome, as counted last."""
    newest = {}
    for row in sorted(city.events("ledger"), key=lambda row: row["counted_at"]):
        newest[row["hour"], row["outcome"], row["reason"]] = row["records_count"]
    counts: Counter[str] = Counter()
    for (_, outcome, reason), number in newest.items():
        counts[reason or outcome] += number
    return +counts


def test_messages_stay_with_their_broker_until_good_ones_follow(city: City, attempts: list[Lookahead]) -> None:
    feed = by_radio(city)
    broken = [b"{broken %d" % n for n in range(300)]

    async def main() -> None:
        await subscribed(city, feed)
        await publish(city, broken)
        async with city.ingesting(feed):
            await until(lambda: is_paused(feed), "the feed is paused")
            await until(lambda: len(attempts) >= 3, "it was tried again")
            assert len(await asyncio.to_thread(city.events, "dead_letter")) == 50
            await publish(city, [message(f"s{n}", n) for n in range(100)])
            await until(lambda: count(feed, "accepted") == 100, "the good ones are taken")
        assert not is_paused(feed)

    asyncio.run(main())
    assert city.entities() == sorted(f"s{n}" for n in range(100))
    letters = [e["payload"] for e in city.events("dead_letter")]
    assert sorted(letters) == sorted(broken)
    assert in_ledger(city) == {"received": 400, "accepted": 100, "malformed": 300}


def test_a_file_is_read_again_from_where_it_was_when_it_was_mended(city: City, attempts: list[Lookahead]) -> None:
    folder = city.state / "drop"
    folder.mkdir()
    options = {"kind": "files", "folder": "drop", "period_seconds": 0.05, "settle_seconds": 0}
    feed = city.feed("files", {**options, "max_lines_per_payload": 100}, layout="lines")
    good = [message(f"s{n}", n) for n in range(300)]

    def put(lines: list[bytes]) -> None:
        (folder / "a.part").write_bytes(b"\n".join(lines) + b"\n")
        (folder / "a.part").replace(folder / "a.jsonl")

    async def main() -> None:
        put([*good[:100], *(b"{broken %d" % n for n in range(200))])
        async with city.ingesting(feed):
            await until(lambda: is_paused(feed), "the feed is paused")
            await until(lambda: len(attempts) >= 3, "it was tried again")
            assert len(await asyncio.to_thread(city.events, "dead_letter")) == 100
            position = Cursor(cursor_path(city.state, feed.id)).position("a.jsonl") or {}
            assert (position["lines"], position["done"]) == (100, False)
            put(good)
            await until(lambda: count(feed, "accepted") == 300, "the mended file is taken")
        assert not is_paused(feed)

    asyncio.run(main())
    assert city.entities() == sorted(f"s{n}" for n in range(300))
    # A file that has changed is another one and read from its beginning. What an attempt had read of the old one when
    # the new one came was received as well.
    letters = len(city.events("dead_letter"))
    assert letters in (100, 200)
    counts = {"received": 400 + letters, "accepted": 300, "duplicate": 100, "malformed": letters}
    assert in_ledger(city) == counts
