"""Decompression that never makes more bytes than it may, and stops as soon as it looks like a bomb."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
PIECE_BYTES = 256 * 1024
MAX_RATIO = 100  # of what comes out to what went in; a day of a car park's counts reaches 30, deflate ends at 1032
UNSUSPICIOUS_BYTES = 10_000_000  # below this a high ratio does no harm


class TooLargeError(ValueError):
    """There are more bytes than are allowed."""


class BombError(TooLargeError):
    """So few bytes become so many that it is meant."""


class Inflater:
    """Bytes of a gzip or zlib stream (or several on end), in pieces; at most `limit` come out in all.

    What follows the last stream and begins none is padding, and left out.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = self._made = 0
        self._is_padding = False
        self._stream = zlib.decompressobj(GZIP_OR_ZLIB)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What some bytes become, piece by piece.

        Raises:
            TooLargeError: that is over the limit, or a bomb.
            ValueError: it is not compressed so, or is damaged.
        """
        piece = b""
        while (data or len(piece) == PIECE_BYTES) and not self._is_padding:
            piece = self._next_piece(data) if self._stream.eof else self._piece(self._stream, data)
            rest = self._stream.unconsumed_tail or self._stream.unused_data
            self._count(len(data) - len(rest), len(piece))
            data = rest
            if piece:
                yield piece

    def close(self) -> None:
        """Say that no more comes.

        Raises:
            ValueError: the stream had not ended.
        """
        if not self._stream.eof and not self._is_padding:
            raise ValueError("compressed data ends too early")

    def _next_piece(self, data: bytes) -> bytes:
        following = zlib.decompressobj(GZIP_OR_ZLIB)
        try:
            piece = self._piece(following, data)
        except ValueError:
            self._is_padding = True
            return b""
        self._stream = following
        return piece

    def _piece(self, stream: zlib._Decompress, data: bytes) -> bytes:
        try:
            return stream.decompress(data, PIECE_BYTES)
        except zlib.error as e:
            raise ValueError(f"not gzip: {e}") from e

    def _count(self, taken: int, made: int) -> None:
        self._taken += taken
        self._made += made
        if self._made > self._limit:
            raise TooLargeError(f"holds more than {self._limit} bytes")
        if self._made > UNSUSPICIOUS_BYTES and self._made > MAX_RATIO * self._taken:
            raise BombError(f"a bomb: {self._taken} bytes become more than {self._made}")
