"""Bytes as they travel: unpacked within limits, and read as JSON."""

from __future__ import annotations

import zlib
from typing import Any

import orjson

from connectors.formats._errors import ReadError
from connectors.model import Payload, Reason

GZIP = b"\x1f\x8b"
BOM = b"\xef\xbb\xbf"
MAX_BYTES = 256_000_000
MAX_RATIO = 200  # a day of a car park's counts reaches 30; deflate ends at 1032
UNSUSPICIOUS_BYTES = 10_000_000  # below this a high ratio does no harm


def unpacked(body: bytes) -> bytes:
    """The bytes themselves, or what they hold when they are gzip.

    Raises:
        ReadError: broken, too large, or a bomb.
    """
    if not body.startswith(GZIP):
        return body
    allowed = min(MAX_BYTES, max(UNSUSPICIOUS_BYTES, MAX_RATIO * len(body)))
    parts: list[bytes] = []
    rest, left = body, allowed
    while rest.startswith(GZIP):  # members may follow one another
        member = zlib.decompressobj(wbits=31)
        try:
            parts.append(member.decompress(rest, left + 1))
        except zlib.error as e:
            raise ReadError(Reason.MALFORMED, f"not gzip: {e}") from e
        left -= len(parts[-1])
        if left < 0:
            reason = Reason.TOO_LARGE if allowed == MAX_BYTES else Reason.HOSTILE
            raise ReadError(reason, f"gzip of {len(body)} bytes holds more than {allowed}")
        if not member.eof:
            raise ReadError(Reason.MALFORMED, "gzip ends too early")
        rest = member.unused_data
    return b"".join(parts)


def json_document(payload: Payload) -> Any:
    """The payload read as one JSON document.

    Raises:
        ReadError: it is not one.
    """
    try:
        return orjson.loads(unpacked(payload.body).removeprefix(BOM))
    except orjson.JSONDecodeError as e:
        raise ReadError(Reason.MALFORMED, f"not JSON: {e}") from e
