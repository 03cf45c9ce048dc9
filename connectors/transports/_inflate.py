"""Decompression that never makes more bytes than it may."""

from __future__ import annotations

import zlib

GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


class TooLargeError(ValueError):
    """There are more bytes than are allowed."""


class Inflater:
    """Bytes of a gzip or zlib stream (or several on end), in pieces; at most `limit` come out in all."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._stream = zlib.decompressobj(GZIP_OR_ZLIB)

    def feed(self, data: bytes) -> bytes:
        """What a piece becomes.

        Raises:
            TooLargeError: that is over the limit.
            ValueError: it is not compressed so, or is damaged.
        """
        out = b""
        while data:
            if self._stream.eof:
                self._stream = zlib.decompressobj(GZIP_OR_ZLIB)
            out += self._some(data)
            data = self._stream.unused_data
        return out

    def close(self) -> None:
        """Say that no more comes.

        Raises:
            ValueError: the stream had not ended.
        """
        if not self._stream.eof:
            raise ValueError("compressed data ends too early")

    def _some(self, data: bytes) -> bytes:
        try:
            out = self._stream.decompress(data, self._left + 1)
        except zlib.error as e:
            raise ValueError(f"not gzip: {e}") from e
        self._left -= len(out)
        if self._left < 0:
            raise TooLargeError("over the limit when decompressed")
        return out
