"""The outermost fields of a protobuf message, one after another.

Two bytes of an empty part become a hundred when they are parsed. So what is parsed at once is one part, and not all.
https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator

from connectors.formats._errors import ReadError
from connectors.model import Reason

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED = {_FIXED64: 8, _FIXED32: 4}
_MAX_VARINT_BYTES = 10


def parts(body: bytes) -> Iterator[tuple[int, int, int]]:
    """Number, beginning and end of each part (text, bytes or message); plain numbers are passed over.

    Raises:
        ReadError: the bytes are no message.
    """
    at, end = 0, len(body)
    while at < end:
        key, at = _varint(body, at)
        number, kind = key >> 3, key & 7
        if number == 0:
            raise ReadError(Reason.MALFORMED, "not protobuf: a field without a number")
        if kind == _BYTES:
            length, at = _varint(body, at)
            if at + length > end:
                raise ReadError(Reason.MALFORMED, "not protobuf: it ends too early")
            yield number, at, at + length
            at += length
        elif kind == _VARINT:
            _, at = _varint(body, at)
        elif kind in _FIXED:
            at += _FIXED[kind]
        else:
            raise ReadError(Reason.MALFORMED, f"not protobuf: a field of kind {kind}")
    if at > end:
        raise ReadError(Reason.MALFORMED, "not protobuf: it ends too early")


def part(number: int, data: bytes) -> bytes:
    """Text, bytes or a message as the part of that number."""
    return _as_varint(number << 3 | _BYTES) + _as_varint(len(data)) + data


def _as_varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _varint(body: bytes, at: int) -> tuple[int, int]:
    value = 0
    for i in range(_MAX_VARINT_BYTES):
        if at + i >= len(body):
            raise ReadError(Reason.MALFORMED, "not protobuf: it ends too early")
        byte = body[at + i]
        value |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            return value, at + i + 1
    raise ReadError(Reason.MALFORMED, "not protobuf: a number of more than ten bytes")
