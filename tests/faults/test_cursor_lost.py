"""A cursor that is deleted or cut short: nothing is sent twice, and what was counted before is still counted."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.cursor import cursor_path
from connectors.feed import Feed
from runtime.endpoints import Endpoints
from tests.faults.test_row_01_counts_after_kills import Sent, in_kafka, in_ledger
from tests.servers.ingesting import LIMIT_SECONDS, City
from tests.servers.radio import by_radio, publish, subscribed

pytestmark = pytest.mark.servers

PART_RECORDS = 600
FILES = {"kind": "files", "folder": "drop", "period_seconds": 0.05, "settle_seconds": 0}


def cut_short(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


async def counted(city: City, feed: Feed, accepted: int) -> Counter[str]:
    """Run the connector until it has told of so many; its counts by outcome."""
    async with city.ingesting(feed), asyncio.timeout(LIMIT_SECONDS):
        while (found := await asyncio.to_thread(outcomes, city, feed))["accepted"] < accepted:
            await asyncio.sleep(0.5)
    return outcomes(city, feed) or found


def outcomes(city: City, feed: Feed) -> Counter[str]:
    found: Counter[str] = Counter()
    for (_, outcome, _), count in in_ledger(city, feed).items():
        found[outcome] += count
    return found


@pytest.mark.parametrize("lose", [Path.unlink, cut_short], ids=["deleted", "cut short"])
def test_files_that_are_read_again_are_counted_as_before(
    servers: Endpoints, tmp_path: Path, lose: Callable[[Path], None]
) -> None:
    city, sent = City(servers, tmp_path), Sent.some(random.Random(1), 2 * PART_RECORDS)
    drop = tmp_path / "drop"
    drop.mkdir()
    feed = city.feed("files", FILES, layout="lines")
    (drop / "0.jsonl").write_bytes(b"\n".join(sent.part(0)) + b"\n")
    asyncio.run(counted(city, feed, len(set(in_first(sent)))))
    lose(cursor_path(tmp_path, feed.id))
    (drop / "1.jsonl").write_bytes(b"\n".join(sent.part(1)) + b"\n")
    asyncio.run(counted(city, feed, len(sent.keys)))
    assert in_kafka(city) == sorted(sent.keys)
    assert in_ledger(city, feed) == sent.counts


@pytest.mark.parametrize("lose", [Path.unlink, cut_short], ids=["deleted", "cut short"])
def test_messages_that_come_no_more_are_counted_as_kafka_has_them(
    servers: Endpoints, tmp_path: Path, lose: Callable[[Path], None]
) -> None:
    """Duplicates leave nothing there, so those of before are forgotten; the sum is right all the same."""
    city, sent = City(servers, tmp_path), Sent.some(random.Random(2), 2 * PART_RECORDS)
    feed = by_radio(city)
    asyncio.run(subscribed(city, feed))
    asyncio.run(publish(city, sent.part(0)))
    asyncio.run(counted(city, feed, len(set(in_first(sent)))))
    lose(cursor_path(tmp_path, feed.id))
    asyncio.run(publish(city, sent.part(1)))
    found = asyncio.run(counted(city, feed, len(sent.keys)))
    assert in_kafka(city) == sorted(sent.keys)
    assert found["accepted"] == len(sent.keys)
    assert found["received"] == found["accepted"] + found["duplicate"] + found["rejected"]
    assert +Counter({k: n for k, n in in_ledger(city, feed).items() if k[1] == "accepted"}) == Counter(
        {k: n for k, n in sent.counts.items() if k[1] == "accepted"}
    )


def in_first(sent: Sent) -> list[bytes]:
    """The records of the first part that are accepted."""
    return [body for body in sent.part(0) if body.endswith(b"20.5}")]
