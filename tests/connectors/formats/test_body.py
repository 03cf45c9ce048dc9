from __future__ import annotations

import gzip

import pytest

from connectors.formats import _body
from connectors.formats._body import json_document, unpacked
from connectors.formats._errors import ReadError
from connectors.model import Reason
from tests.connectors.formats.sampling import payload


def reason(body: bytes) -> Reason:
    with pytest.raises(ReadError) as caught:
        unpacked(body)
    return caught.value.reason


def test_plain_bytes_stay_as_they_are() -> None:
    assert unpacked(b"{}") == b"{}"


def test_members_of_a_gzip_follow_one_another() -> None:
    assert unpacked(gzip.compress(b"a") + gzip.compress(b"b") + b"padding") == b"ab"


def test_a_gzip_that_grows_too_much_is_hostile() -> None:
    assert reason(gzip.compress(b"0" * 30_000_000)) == Reason.HOSTILE


def test_a_gzip_over_the_limit_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_body, "MAX_BYTES", 1000)

    assert reason(gzip.compress(bytes(range(256)) * 10)) == Reason.TOO_LARGE


def test_a_broken_gzip_is_malformed() -> None:
    whole = gzip.compress(b"0123456789" * 100)

    assert [reason(b) for b in (whole[:-9], whole[:20] + b"\x00" * 40, b"\x1f\x8b")] == [Reason.MALFORMED] * 3


@pytest.mark.parametrize("body", [b"", b"[" * 5000, b'"\xff"', b"NaN", b"{'a': 1}"])
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    with pytest.raises(ReadError, match="not JSON") as caught:
        json_document(payload(body))

    assert caught.value.reason == Reason.MALFORMED
