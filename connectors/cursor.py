"""How far a feed has come, in one file that is whole or not there: positions, counts, and the offsets they stand for.

Everything in it has been acknowledged by Kafka. What Kafka has beyond the offsets is found there at the next start
(`connectors.tail`), counted, and passed over when the source shows it again. A file that is lost or unreadable costs
repeats, never records.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Coroutine, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import structlog

from connectors.counts import Counts, HourCounts, Tally
from connectors.duplicates import Key, Newest
from runtime.files import write_atomically

Position = Mapping[str, Any]  # of JSON
Offsets = dict[int, int]  # by partition

VERSION = 1
HEARTBEAT = timedelta(minutes=1)  # a feed that is idle moves its offsets on so often
MAX_TOKENS = 65_535
REPLAY_RECORDS = 500_000  # after so many a source no longer shows what was found in Kafka
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class Progress:
    """What Kafka has of one delivery."""

    source: str | None
    position: Position | None
    tally: Tally
    repeats: bool = False
    token: int | None = None
    keys: list[Key] = field(default_factory=list)  # of the records that were sent
    letters: list[str] = field(default_factory=list)  # ids of the dead letters that were sent
    passed: list[Key] = field(default_factory=list)  # of those that were there before
    passed_letters: list[str] = field(default_factory=list)
    ends: dict[str, Offsets] = field(default_factory=dict)  # by topic: after the last record of it


class Cursor:
    """Positions by source, counts and offsets; without a path it lives in memory."""

    def __init__(self, path: Path | None = None) -> None:
        stored = _read(path) if path else None
        self.is_new = stored is None
        stored = stored or {}
        self._path = path
        self._positions: dict[str, Position] = stored.get("positions", {})
        self._newest = Newest(stored.get("seen", ()))
        self.counts: Counts = stored.get("counts") or Counts()
        self.counted_at: datetime = stored.get("counted_at", _EPOCH)  # when `counts.saved` were saved
        self.offsets: dict[str, Offsets] = stored.get("offsets", {})
        self.again: set[Key] = stored.get("again", set())  # counted, and the source is about to show them again
        self.again_letters: set[str] = stored.get("again_letters", set())
        self.tokens: deque[int] = deque(stored.get("tokens", ()), MAX_TOKENS)  # of the deliveries settled last
        self._replayed = 0
        self._is_changed = False

    def position(self, source: str) -> Position | None:
        """Where a source was when Kafka last had everything of it."""
        return self._positions.get(source)

    def advance(self, source: str, position: Position) -> None:
        """There is nothing more of a source up to this position."""
        self._positions[source] = position
        self._is_changed = True

    def settle(self, done: Progress) -> None:
        """Kafka has everything of a delivery and of those before it."""
        if done.source is not None and done.position is not None:
            self._positions[done.source] = done.position
        if done.repeats:
            self._newest.add(done.keys)
        self.counts.add(done.tally.hours.values())
        for topic, ends in done.ends.items():
            self.offsets.setdefault(topic, {}).update(ends)
        if done.token is not None:
            self.tokens.append(done.token)
        self._forget_passed(done)
        self._is_changed = True

    def reach(self, topic: str, ends: Mapping[int, int]) -> None:
        """All that Kafka has of the feed before these offsets is settled."""
        known = self.offsets.setdefault(topic, {})
        for partition, end in ends.items():
            known[partition] = max(end, known.get(partition, 0))

    def recover(self, hours: Iterable[HourCounts], keys: Iterable[Key], letters: Iterable[str]) -> None:
        """Count what was found in Kafka beyond the offsets, and expect that the source shows it again."""
        self.counts.add(hours)
        self.again.update(keys)
        self.again_letters.update(letters)
        self._replayed = 0
        self._is_changed = True

    def keep(self, sources: Collection[str]) -> None:
        """Forget the sources that are no longer there."""
        gone = self._positions.keys() - set(sources)
        for source in gone:
            del self._positions[source]
        self._is_changed |= bool(gone)

    def keep_tokens(self, limit: int) -> None:
        """Keep so many of the last tokens, from now on."""
        self.tokens = deque(self.tokens, limit)

    def keys(self) -> list[Key]:
        """The newest keys of sources that repeat themselves, oldest first."""
        return self._newest.keys()

    async def save(self) -> None:
        """Write what has changed, from a thread: with many keys it takes some time.

        Raises:
            OSError: it cannot be written; what is in memory stays.
        """
        now = max(datetime.now(UTC), self.counted_at + _MICROSECOND)
        if not self._is_changed and now - self.counted_at < HEARTBEAT:
            return
        self._is_changed = False
        content, saved = self._snapshot(now)
        try:
            if self._path is not None:
                await _to_its_end(asyncio.to_thread(_write, self._path, content))
        except (OSError, asyncio.CancelledError):
            self._is_changed = True
            raise
        self.counts.saved, self.counted_at = saved, now

    def _snapshot(self, now: datetime) -> tuple[dict[str, Any], dict[int, HourCounts]]:
        counts, saved = self.counts.snapshot()
        content = {
            "version": VERSION,
            "positions": dict(self._positions),
            "seen": self.keys(),
            "counts": counts,
            "counted_at": (now - _EPOCH) // _MICROSECOND,
            "offsets": {t: {str(p): end for p, end in ends.items()} for t, ends in self.offsets.items()},
            "again": list(self.again),
            "again_letters": list(self.again_letters),
            "tokens": list(self.tokens),
        }
        return content, saved

    def _forget_passed(self, done: Progress) -> None:
        if not self.again and not self.again_letters:
            return
        self.again.difference_update(done.passed)
        self.again_letters.difference_update(done.passed_letters)
        self._replayed += sum(h.received for h in done.tally.hours.values())
        if self._replayed > REPLAY_RECORDS:
            self.again.clear()
            self.again_letters.clear()


def cursor_path(state: Path, feed: str) -> Path:
    """The file of a feed's cursor."""
    return state / "cursors" / f"{feed}.json"


def _read(path: Path) -> dict[str, Any] | None:
    try:
        stored = orjson.loads(path.read_bytes())
        if stored["version"] != VERSION:
            raise ValueError(f"version {stored['version']}")
        found = {"positions": dict(stored["positions"]), "seen": list(_keys(stored["seen"]))}
        return found | (_counted(stored) if "counts" in stored else {})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as e:
        log.warning("cursor.unreadable", path=str(path), error=str(e), effect="the feed is read from its beginning")
        return None


def _counted(stored: Mapping[str, Any]) -> dict[str, Any]:
    """What a cursor holds since counts are kept; one from before begins with none."""
    return {
        "counts": Counts(stored["counts"]),
        "counted_at": _EPOCH + stored["counted_at"] * _MICROSECOND,
        "offsets": {t: {int(p): int(end) for p, end in ends.items()} for t, ends in stored["offsets"].items()},
        "again": set(_keys(stored["again"])),
        "again_letters": set(stored["again_letters"]),
        "tokens": [int(t) for t in stored["tokens"]],
    }


def _write(path: Path, content: Mapping[str, Any]) -> None:
    by_entity = {name: _by_entity(content[name]) for name in ("seen", "again")}
    write_atomically(path, orjson.dumps({**content, **by_entity}).decode())


async def _to_its_end(writing: Coroutine[Any, Any, None]) -> None:
    """Write, also when told to stop meanwhile: a thread goes on, and must not overtake the next save."""
    task = asyncio.create_task(writing)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        with suppress(OSError):
            await asyncio.shield(task)
        raise


def _by_entity(keys: Iterable[Key]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for entity, observed_at in keys:
        found.setdefault(entity, []).append((observed_at - _EPOCH) // _MICROSECOND)
    return found


def _keys(seen: Mapping[str, list[int]]) -> Iterator[Key]:
    for entity, times in seen.items():
        for micros in times:
            yield entity, _EPOCH + micros * _MICROSECOND
