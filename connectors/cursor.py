"""How far a feed has come: positions of its sources and the newest keys, in one file that is whole or not there.

Everything in it has been acknowledged by Kafka. A file that is lost or unreadable costs repeats, never records.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import structlog

from connectors.duplicates import Key, Newest
from runtime.files import write_atomically

Position = Mapping[str, Any]  # of JSON

VERSION = 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

log = structlog.get_logger()


class Cursor:
    """Positions by source, and the newest keys; without a path it lives in memory."""

    def __init__(self, path: Path | None = None) -> None:
        stored = _read(path) if path else {}
        self._path = path
        self._positions: dict[str, Position] = stored.get("positions", {})
        self._newest = Newest(_keys(stored.get("seen", {})))
        self._is_changed = False

    def position(self, source: str) -> Position | None:
        """Where a source was when Kafka last had everything of it."""
        return self._positions.get(source)

    def advance(self, source: str | None, position: Position | None, keys: Iterable[Key]) -> None:
        """Kafka has everything of a source up to this position, and these keys."""
        if source is None or position is None:
            return
        self._positions[source] = position
        self._newest.add(keys)
        self._is_changed = True

    def keep(self, sources: Collection[str]) -> None:
        """Forget the sources that are no longer there."""
        gone = self._positions.keys() - set(sources)
        for source in gone:
            del self._positions[source]
        self._is_changed |= bool(gone)

    def keys(self) -> list[Key]:
        """The newest keys, oldest first."""
        return self._newest.keys()

    async def save(self) -> None:
        """Write what has changed, from a thread: with many keys it takes some time.

        Raises:
            OSError: it cannot be written; what is in memory stays.
        """
        if self._path is None or not self._is_changed:
            return
        self._is_changed = False
        try:
            await asyncio.to_thread(_write, self._path, dict(self._positions), self.keys())
        except OSError:
            self._is_changed = True
            raise


def cursor_path(state: Path, feed: str) -> Path:
    """The file of a feed's cursor."""
    return state / "cursors" / f"{feed}.json"


def _read(path: Path) -> dict[str, Any]:
    try:
        stored = orjson.loads(path.read_bytes())
        if stored["version"] != VERSION:
            raise ValueError(f"version {stored['version']}")
        return {"positions": dict(stored["positions"]), "seen": dict(stored["seen"])}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as e:
        log.warning("cursor.unreadable", path=str(path), error=str(e), effect="the feed is read from its beginning")
        return {}


def _write(path: Path, positions: Mapping[str, Position], keys: Iterable[Key]) -> None:
    seen: dict[str, list[int]] = {}
    for entity, observed_at in keys:
        seen.setdefault(entity, []).append((observed_at - _EPOCH) // _MICROSECOND)
    write_atomically(path, orjson.dumps({"version": VERSION, "positions": positions, "seen": seen}).decode())


def _keys(seen: Mapping[str, list[int]]) -> Iterator[Key]:
    for entity, times in seen.items():
        for micros in times:
            yield entity, _EPOCH + micros * _MICROSECOND
