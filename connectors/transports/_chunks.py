"""A file in pieces of bounded size: by lines (CSV with its header on every piece, JSON lines) or whole."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Literal

from connectors.model import Reason, Rejected

Split = Literal["csv", "lines", "whole"]

RATIO_FROM_BYTES = 10_000_000  # small files may be as repetitive as they like
KEPT_BYTES = 4096  # of what is refused


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a file is taken at once, and at all."""

    max_lines: int
    max_piece_bytes: int
    max_line_bytes: int
    max_file_bytes: int  # after decompression
    max_ratio: float  # decompressed to compressed


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of a file, or what is wrong with it."""

    body: bytes
    first_line: int  # from 1
    lines: int  # of the file, up to the end of this piece
    problem: tuple[Reason, str] | None = None

    def rejected(self, file: str) -> Rejected | None:
        """The problem as a dead letter's content."""
        if self.problem is None:
            return None
        return Rejected(*self.problem, f"{file}:{self.first_line}", self.body[:KEPT_BYTES])


def pieces(path: Path, split: Split, header_lines: int, skip: int, limits: Limits) -> Iterator[Piece]:
    """The pieces of a file after its first `skip` lines; ends with a problem where the file is damaged or hostile.

    Raises:
        OSError: it cannot be read.
    """
    last = Piece(b"", 1, skip)
    try:
        with _opened(path, limits) as source:
            found = _whole(source, limits) if split == "whole" else _split(source, split, header_lines, skip, limits)
            for last in found:
                yield last
    except _HostileError as e:
        yield Piece(b"", last.lines + 1, last.lines, (Reason.HOSTILE, str(e)))
    except (gzip.BadGzipFile, EOFError, zlib.error) as e:
        yield Piece(b"", last.lines + 1, last.lines, (Reason.MALFORMED, f"gzip: {e}"))


class _HostileError(Exception):
    """The file unpacks to far more than it should."""


class _Source:
    """Lines of a file that may be compressed, counted against the limits."""

    def __init__(self, raw: BinaryIO, plain: BinaryIO, limits: Limits) -> None:
        self._raw, self._plain, self._limits = raw, plain, limits
        self._bytes = 0

    def line(self, size: int) -> bytes:
        return self._counted(self._plain.readline(size))

    def read(self, size: int) -> bytes:
        return self._counted(self._plain.read(size))

    def _counted(self, data: bytes) -> bytes:
        self._bytes += len(data)
        if self._bytes > self._limits.max_file_bytes:
            raise _HostileError(f"over {self._limits.max_file_bytes} bytes when unpacked")
        if self._bytes > RATIO_FROM_BYTES and self._bytes > self._limits.max_ratio * self._raw.tell():
            raise _HostileError(f"unpacks to over {self._limits.max_ratio:g} times its size")
        return data


@contextmanager
def _opened(path: Path, limits: Limits) -> Iterator[_Source]:
    with path.open("rb") as raw:
        if path.suffix != ".gz":
            yield _Source(raw, raw, limits)
            return
        with gzip.GzipFile(fileobj=raw) as plain:
            yield _Source(raw, plain, limits)  # type: ignore[arg-type]


def _whole(source: _Source, limits: Limits) -> Iterator[Piece]:
    body = source.read(limits.max_piece_bytes + 1)
    if len(body) > limits.max_piece_bytes:
        yield Piece(body, 1, 1, (Reason.TOO_LARGE, f"over {limits.max_piece_bytes} bytes"))
    else:
        yield Piece(body, 1, 1)


@dataclass(frozen=True, slots=True)
class _Line:
    data: bytes
    is_cut: bool  # it was too long; the rest of it is left out


def _lines(source: _Source, longest: int) -> Iterator[_Line]:
    while data := source.line(longest + 1):
        is_cut = len(data) > longest
        yield _Line(data, is_cut)
        while is_cut and data and not data.endswith(b"\n"):
            data = source.line(longest + 1)


def _split(source: _Source, split: Split, header_lines: int, skip: int, limits: Limits) -> Iterator[Piece]:
    lines = enumerate(_lines(source, limits.max_line_bytes), 1)
    header = b"".join(line.data for _, line in islice(lines, header_lines))
    number, body, first, is_quoted = 0, bytearray(), 0, False
    for number, line in lines:
        if number <= skip:
            continue
        if line.is_cut:
            if body:
                yield Piece(header + body, first, number - 1)
            yield Piece(line.data, number, number, (Reason.TOO_LARGE, f"a line of over {limits.max_line_bytes} bytes"))
            body, is_quoted = bytearray(), False
            continue
        first = first if body else number
        body += line.data
        is_quoted ^= split == "csv" and line.data.count(b'"') % 2 == 1
        is_full = number - first + 1 >= limits.max_lines and not is_quoted  # a quoted line break is no end
        if is_full or len(body) >= limits.max_piece_bytes:
            yield Piece(header + body, first, number)
            body, is_quoted = bytearray(), False
    if body:
        yield Piece(header + body, first, number)
