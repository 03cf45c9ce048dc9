"""Where a reader of pages stands, as a text that nobody can forge or take to another question."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import zlib
from dataclasses import dataclass
from typing import Any

import orjson

from serving.problems import ProblemError

MAX_TEXT = 16 * 1024
MAX_BYTES = 256 * 1024
DIGEST_BYTES = 32


@dataclass(frozen=True)
class Cursor:
    """A point in time of the indices, and the last document that was read there."""

    point: str
    after: list[Any]


class Cursors:
    """Signs cursors for the question they belong to: the dataset, its filters, and who asks at which level."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def text(self, cursor: Cursor, question: str) -> str:
        """The cursor as it stands in an address."""
        body = zlib.compress(orjson.dumps([cursor.point, cursor.after]), 9)
        return base64.urlsafe_b64encode(self._digest(body, question) + body).decode().rstrip("=")

    def read(self, text: str, question: str) -> Cursor:
        """The cursor in a text.

        Raises:
            ProblemError: it is not one of ours, or of another question.
        """
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            raw = b""
        digest, body = raw[:DIGEST_BYTES], raw[DIGEST_BYTES:]
        if len(text) > MAX_TEXT or not hmac.compare_digest(digest, self._digest(body, question)):
            detail = "the cursor is not of this question; ask again without it, and change nothing else between pages"
            raise ProblemError(400, "bad-cursor", detail)
        point, after = orjson.loads(zlib.decompressobj().decompress(body, MAX_BYTES))
        return Cursor(point, after)

    def _digest(self, body: bytes, question: str) -> bytes:
        return hmac.digest(self._secret, hashlib.sha256(question.encode()).digest() + body, "sha256")
