"""Packets of MQTT 5 as bytes: those a subscriber with QoS 1 sends, and those it gets. No input or output.

https://docs.oasis-open.org/mqtt/mqtt/v5.0/mqtt-v5.0.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

CONNACK, PUBLISH, SUBACK, UNSUBACK, PINGRESP, DISCONNECT = 2, 3, 9, 11, 13, 14
PING = b"\xc0\x00"
GOODBYE = b"\xe0\x00"  # the session stays until it expires
FAILURE = 0x80  # reason codes from here on

SESSION_EXPIRY, RECEIVE_MAXIMUM, CONTENT_TYPE, SERVER_KEEP_ALIVE, MAXIMUM_QOS = 0x11, 0x21, 0x03, 0x13, 0x24
MAXIMUM_PACKET_SIZE = 0x27
# MQTT's own limit is 256 MB, and all of a packet is in memory before it is looked at. The broker discards what is
# larger; a feed's own limit is far below, and what is between the two becomes a dead letter.
MAX_PACKET_BYTES = 32 * 2**20
_BYTES = dict.fromkeys((0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A), 1)
_BYTES |= dict.fromkeys((0x13, 0x21, 0x22, 0x23), 2) | dict.fromkeys((0x02, 0x11, 0x18, 0x27), 4)
_TEXTS = frozenset((0x03, 0x08, 0x09, 0x12, 0x15, 0x16, 0x1A, 0x1C, 0x1F))
_SUBSCRIPTION_ID, _USER_PROPERTY = 0x0B, 0x26

_QOS_1_NEW_RETAINED = b"\x11"  # retained messages come with a new subscription, not at each connection
_REASONS = {
    0x80: "unspecified error",
    0x82: "protocol error",
    0x85: "client identifier not valid",
    0x86: "bad user name or password",
    0x87: "not authorized",
    0x88: "server unavailable",
    0x89: "server busy",
    0x8B: "server shutting down",
    0x8D: "keep alive timeout",
    0x8E: "session taken over by another client",
    0x8F: "topic filter invalid",
    0x97: "quota exceeded",
}


class MalformedError(ValueError):
    """Bytes that are no packet of MQTT 5."""


@dataclass(frozen=True, slots=True)
class Message:
    """What was published, and the number to acknowledge it by (0 when there is none)."""

    topic: str
    payload: bytes
    number: int
    content_type: str | None


def reason(code: int) -> str:
    """What a reason code means."""
    return _REASONS.get(code, f"reason 0x{code:02X}")


def connect(
    client_id: str, user: str | None, password: str | None, keep_alive: int, expiry_seconds: int, receive_maximum: int
) -> bytes:
    """The request to go on with a session, or to begin it."""
    flags = (user is not None) << 7 | (password is not None) << 6
    properties = bytes([SESSION_EXPIRY]) + expiry_seconds.to_bytes(4, "big")
    properties += bytes([RECEIVE_MAXIMUM]) + receive_maximum.to_bytes(2, "big")
    properties += bytes([MAXIMUM_PACKET_SIZE]) + MAX_PACKET_BYTES.to_bytes(4, "big")
    login = b"".join(_text(t) for t in (user, password) if t is not None)
    body = b"\x00\x04MQTT\x05" + bytes([flags]) + keep_alive.to_bytes(2, "big") + _counted(properties)
    return _packet(0x10, body + _text(client_id) + login)


def subscribe(number: int, topics: Sequence[str]) -> bytes:
    """The request for topics with QoS 1."""
    return _packet(0x82, number.to_bytes(2, "big") + b"\0" + b"".join(_text(t) + _QOS_1_NEW_RETAINED for t in topics))


def unsubscribe(number: int, topics: Sequence[str]) -> bytes:
    """The request to end subscriptions."""
    return _packet(0xA2, number.to_bytes(2, "big") + b"\0" + b"".join(_text(t) for t in topics))


def acknowledgement(number: int) -> bytes:
    """The word that a message is safe."""
    return b"\x40\x02" + number.to_bytes(2, "big")


class Reader:
    """Packets out of bytes that come in pieces."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The first byte and the body of each packet that is whole.

        Raises:
            MalformedError: a length is none, or a packet is larger than was asked for.
        """
        buffer = self._buffer
        buffer += data
        start = 0
        try:
            while (end := self._end(start)) is not None:
                body, stop = end
                yield buffer[start], bytes(buffer[body:stop])
                start = stop
        finally:
            del buffer[:start]

    def _end(self, start: int) -> tuple[int, int] | None:
        """Where the body of the packet at `start` begins and ends, if it is there as a whole."""
        buffer, length = self._buffer, 0
        for i in range(4):
            at = start + 1 + i
            if at >= len(buffer):
                return None
            length |= (buffer[at] & 127) << 7 * i
            if buffer[at] < 128:
                stop = at + 1 + length
                if stop - start > MAX_PACKET_BYTES:
                    raise MalformedError(f"a packet of {stop - start:,} bytes")
                return (at + 1, stop) if stop <= len(buffer) else None
        raise MalformedError("a length of more than four bytes")


def message(first: int, body: bytes) -> Message:
    """The message in a packet PUBLISH.

    Raises:
        MalformedError: it is none.
    """
    try:
        at = 2 + int.from_bytes(body[:2], "big")
        topic = body[2:at].decode()
        number = 0
        if first & 0x06:
            number = int.from_bytes(body[at : at + 2], "big")
            at += 2
        if body[at] == 0:
            return Message(topic, body[at + 1 :], number, None)
        found, at = properties(body, at)
    except (IndexError, UnicodeDecodeError) as e:
        raise MalformedError(f"not a message: {e}") from e
    return Message(topic, body[at:], number, found.get(CONTENT_TYPE))


def codes(body: bytes) -> list[int]:
    """The reason codes in a packet SUBACK.

    Raises:
        MalformedError: it is none.
    """
    return list(body[properties(body, 2)[1] :])


def properties(body: bytes, at: int) -> tuple[dict[int, Any], int]:
    """The properties that begin at a place of a packet, by their numbers, and where they end.

    Raises:
        MalformedError: they are none.
    """
    found: dict[int, Any] = {}
    try:
        length, at = _number(body, at)
        end = at + length
        while at < end:
            kind = body[at]
            found[kind], at = _property(kind, body, at + 1)
    except (IndexError, UnicodeDecodeError) as e:
        raise MalformedError(f"not properties: {e}") from e
    if at != end or end > len(body):
        raise MalformedError("properties that end elsewhere")
    return found, end


def _property(kind: int, body: bytes, at: int) -> tuple[Any, int]:
    if kind in _BYTES:
        stop = at + _BYTES[kind]
        return int.from_bytes(body[at:stop], "big"), stop
    if kind in _TEXTS:
        return _read_text(body, at)
    if kind == _SUBSCRIPTION_ID:
        return _number(body, at)
    if kind == _USER_PROPERTY:
        name, at = _read_text(body, at)
        value, at = _read_text(body, at)
        return (name, value), at
    raise MalformedError(f"property 0x{kind:02X}")


def _read_text(body: bytes, at: int) -> tuple[str, int]:
    stop = at + 2 + int.from_bytes(body[at : at + 2], "big")
    return body[at + 2 : stop].decode("utf-8", "replace"), stop


def _number(body: bytes, at: int) -> tuple[int, int]:
    value = 0
    for i in range(4):
        value |= (body[at + i] & 127) << 7 * i
        if body[at + i] < 128:
            return value, at + i + 1
    raise MalformedError("a number of more than four bytes")


def _packet(first: int, body: bytes) -> bytes:
    return bytes([first]) + _counted(body)


def _counted(body: bytes) -> bytes:
    """Bytes after their number."""
    length, out = len(body), bytearray()
    while length > 127:
        out.append(length & 127 | 128)
        length >>= 7
    out.append(length)
    return bytes(out) + body


def _text(text: str) -> bytes:
    encoded = text.encode()
    return len(encoded).to_bytes(2, "big") + encoded
