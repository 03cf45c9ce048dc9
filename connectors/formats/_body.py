"""Bytes as they travel: unpacked within limits, and read as JSON."""

from __future__ import annotations

from typing import Any

import orjson

from connectors.formats._errors import ReadError
from connectors.inflate import BombError, Inflater, TooLargeError
from connectors.model import Payload, Reason

GZIP = b"\x1f\x8b"
BOM = b"\xef\xbb\xbf"
MAX_BYTES = 100_000_000
MAX_VALUES = 2_000_000  # each takes some sixty bytes of memory, whatever its length in JSON


def unpacked(body: bytes) -> bytes:
    """The bytes themselves, or what they hold when they are gzip.

    Raises:
        ReadError: broken, too large, or a bomb.
    """
    if not body.startswith(GZIP):
        return body
    inflater, found = Inflater(MAX_BYTES), bytearray()
    try:
        for piece in inflater.feed(body):
            found += piece
        inflater.close()
    except TooLargeError as e:
        reason = Reason.HOSTILE if isinstance(e, BombError) else Reason.TOO_LARGE
        raise ReadError(reason, f"gzip of {len(body)} bytes: {e}") from e
    except ValueError as e:
        raise ReadError(Reason.MALFORMED, str(e)) from e
    return bytes(found)


def json_document(payload: Payload) -> Any:
    """The payload read as one JSON document.

    Raises:
        ReadError: it is not one, or one of too many values.
    """
    body = unpacked(payload.body).removeprefix(BOM)
    limit_marks(body, b",[{", MAX_VALUES, "values")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as e:
        raise ReadError(Reason.MALFORMED, f"not JSON: {e}") from e


def limit_marks(body: bytes, marks: bytes, most: int, what: str) -> None:
    """Refuse a document by the number of its marks, before it is parsed and each takes memory.

    Raises:
        ReadError: there are more than `most`.
    """
    if len(body) > most and sum(body.count(mark) for mark in marks) > most:
        raise ReadError(Reason.TOO_LARGE, f"a document of more than {most} {what}: ask for it in smaller pages")
