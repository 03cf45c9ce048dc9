"""A folder watched: files that are complete are read in the order of their names, gz or not, in pieces of bounded size.

A relative folder is inside the state folder of Garonne. Hidden files, ``.part`` and ``.tmp`` are left alone, so writers
write under such a name and rename, or write in place: then a file is read once it no longer changes. Only regular files
of the folder itself are read, no links. CSV and JSON lines (UTF-8 or another superset of ASCII) are split by lines.
"""

from __future__ import annotations

import asyncio
import os
import stat
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field

from connectors.delivery import Context, Delivery, Intake
from connectors.feed import TransportOptions
from connectors.model import Payload
from connectors.transports._chunks import Limits, Piece, Split, pieces

UNFINISHED = (".part", ".tmp", ".filepart", ".crdownload")
CONTENT_TYPES = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".ndjson": "application/x-ndjson",
    ".xml": "application/xml",
}


class Options(TransportOptions):
    """Which folder and files, how often it is looked at, and how much is taken at once."""

    folder: Path
    pattern: str = Field(default="*", min_length=1)
    period_seconds: float = Field(default=5, gt=0)
    settle_seconds: float = Field(default=30, ge=0)  # unchanged for so long is complete at first sight
    split: Literal["auto", "csv", "lines", "whole"] = "auto"
    header_lines: int = Field(default=1, ge=0, le=100)  # of CSV, repeated on each piece
    max_lines_per_payload: int = Field(default=5_000, gt=0)
    max_payload_bytes: int = Field(default=20_000_000, gt=0)
    max_line_bytes: int = Field(default=1_000_000, gt=0)
    max_file_bytes: int = Field(default=20_000_000_000, gt=0)
    max_ratio: float = Field(default=200, gt=1)
    move_done: bool = False  # into done/ beside them, instead of remembering their names

    def limits(self) -> Limits:
        """How much of a file is taken at once, and at all."""
        sizes = (self.max_payload_bytes, self.max_line_bytes, self.max_file_bytes, self.max_ratio)
        return Limits(self.max_lines_per_payload, *sizes)


class Seen(NamedTuple):
    """What tells one version of a file from another."""

    size: int
    mtime_ns: int


async def run(options: Options, context: Context, intake: Intake) -> None:
    """Deliver each file once, as long as it stays the same, until cancelled."""
    await _Watcher(options, context, intake).run()


async def fetch(options: Options, context: Context) -> AsyncGenerator[Payload, None]:
    """The first piece of the newest file, or nothing when there is none.

    Raises:
        OSError: the folder or the file cannot be read.
        ValueError: the file is damaged, hostile or too large.
    """
    folder = context.state / options.folder
    found = await asyncio.to_thread(_files, folder, options.pattern)
    if not found:
        return
    newest = max(found, key=lambda name: found[name].mtime_ns)
    piece = await asyncio.to_thread(next, _pieces(folder / newest, 0, options), None)
    if piece is not None and piece.problem:
        raise ValueError(f"{newest}: {piece.problem[1]}")
    if piece is not None:
        yield _payload(newest, piece)


class _Watcher:
    def __init__(self, options: Options, context: Context, intake: Intake) -> None:
        self._options, self._context, self._intake = options, context, intake
        self._folder = context.state / options.folder
        self._before: dict[str, Seen] = {}  # at the last look
        self._delivered: dict[str, Seen] = {}  # wholly, if perhaps not acknowledged yet

    async def run(self) -> None:
        while True:
            try:
                await self._look()
            except OSError as e:
                self._context.report("folder", e)
            await asyncio.sleep(self._options.period_seconds)

    async def _look(self) -> None:
        found = await asyncio.to_thread(_files, self._folder, self._options.pattern)
        self._context.cursor.keep(found)
        self._delivered = {name: seen for name, seen in self._delivered.items() if name in found}
        complete = [name for name in sorted(found) if self._is_complete(name, found[name])]
        self._before = found
        for name in complete:
            if not self._is_done(name, found[name]):
                await self._read(name, found[name])
                self._delivered[name] = found[name]
            elif self._options.move_done and name not in self._delivered:  # the process ended before it could
                self._mover(name)()

    def _is_complete(self, name: str, seen: Seen) -> bool:
        age = time.time() - seen.mtime_ns / 1e9
        return self._before.get(name) == seen or age > self._options.settle_seconds

    def _is_done(self, name: str, seen: Seen) -> bool:
        position = self._context.cursor.position(name) or {}
        return self._delivered.get(name) == seen or (bool(position.get("done")) and _seen(position) == seen)

    async def _read(self, name: str, seen: Seen) -> None:
        position = self._context.cursor.position(name) or {}
        done = position.get("lines", 0) if _seen(position) == seen else 0
        found = _pieces(self._folder / name, done, self._options)
        piece = await asyncio.to_thread(next, found, None)
        if piece is None:
            self._context.cursor.advance(name, _position(seen, done, is_done=True))
        while piece is not None:
            following = await asyncio.to_thread(next, found, None)
            await self._intake.deliver(self._delivery(name, seen, piece, is_last=following is None))
            piece = following

    def _delivery(self, name: str, seen: Seen, piece: Piece, *, is_last: bool) -> Delivery:
        return Delivery(
            payload=_payload(name, piece),
            key=name,
            position=_position(seen, piece.lines, is_done=is_last),
            acknowledge=self._mover(name) if is_last and self._options.move_done else None,
            problem=piece.rejected(name),
        )

    def _mover(self, name: str) -> Callable[[], None]:
        def move() -> None:
            try:
                (self._folder / "done").mkdir(exist_ok=True)
                (self._folder / name).replace(self._folder / "done" / name)
            except OSError as e:
                self._context.report("move", e)

        return move


def _position(seen: Seen, lines: int, *, is_done: bool) -> dict[str, object]:
    return {"size": seen.size, "mtime_ns": seen.mtime_ns, "lines": lines, "done": is_done}


def _seen(position: object) -> Seen | None:
    if isinstance(position, dict) and "size" in position:
        return Seen(position["size"], position["mtime_ns"])
    return None


def _files(folder: Path, pattern: str) -> dict[str, Seen]:
    """The files of a folder that may be read; a folder that is not there yet has none."""
    if not folder.exists():
        return {}
    with os.scandir(folder) as entries:
        return dict(_regular(entries, pattern))


def _regular(entries: Iterator[os.DirEntry[str]], pattern: str) -> Iterator[tuple[str, Seen]]:
    for entry in entries:
        name = entry.name
        if name.startswith(".") or name.endswith(UNFINISHED) or not fnmatchcase(name, pattern):
            continue
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        if stat.S_ISREG(status.st_mode):
            yield name, Seen(status.st_size, status.st_mtime_ns)


def _pieces(path: Path, skip: int, options: Options) -> Iterator[Piece]:
    split = _split_of(path) if options.split == "auto" else options.split
    header_lines = options.header_lines if split == "csv" else 0
    return pieces(path, split, header_lines, skip, options.limits())


def _kind(path: Path) -> str:
    """The suffix that says what is in a file, without that of its compression."""
    return (path.with_suffix("") if path.suffix == ".gz" else path).suffix.lower()


def _split_of(path: Path) -> Split:
    kinds: dict[str, Split] = {".csv": "csv", ".jsonl": "lines", ".ndjson": "lines"}
    return kinds.get(_kind(path), "whole")


def _payload(name: str, piece: Piece) -> Payload:
    place = f"{name}:{piece.first_line}"
    return Payload(bytes(piece.body), place, datetime.now(UTC), CONTENT_TYPES.get(_kind(Path(name))))
