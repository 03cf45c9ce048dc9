from __future__ import annotations

import struct
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.formats._errors import ReadError
from connectors.formats._frames import Layout
from connectors.model import Reason


def layout(*fields: dict[str, Any], **declared: Any) -> Layout:
    return Layout.model_validate({"fields": fields, **declared})


def one(frame: bytes, **field: Any) -> Any:
    return layout({"name": "x", **field}).decode(frame).get("x")


@pytest.mark.parametrize(
    ("kind", "code", "value"),
    [
        ("uint8", ">B", 200),
        ("int8", ">b", -100),
        ("uint16be", ">H", 0xABCD),
        ("int16be", ">h", -12345),
        ("uint16le", "<H", 0xABCD),
        ("uint32be", ">I", 0xDEADBEEF),
        ("int32le", "<i", -5),
        ("uint64be", ">Q", 2**60),
        ("float32be", ">f", 0.5),
        ("float64le", "<d", -1e9),
    ],
)
def test_numbers_are_read_as_their_type_says(kind: str, code: str, value: float) -> None:
    assert one(b"\xff" + struct.pack(code, value) + b"\xff", type=kind, offset=1) == value


def test_three_bytes_are_a_number_too() -> None:
    assert one(b"\x01\x02\x03", type="uint24be") == 0x010203
    assert one(b"\xff\xff\xfe", type="int24be") == -2


@pytest.mark.parametrize(
    ("bit", "bits", "signed", "expected"),
    [
        (0, 1, False, 1),
        (1, 1, False, 0),
        (4, 8, False, 0b0011_1100),
        (12, 4, True, -1),
        (0, 16, False, 0b1010_0011_1100_1111),
    ],
)
def test_bits_are_counted_from_the_highest_of_the_first_byte(bit: int, bits: int, signed: bool, expected: int) -> None:
    assert one(bytes([0b1010_0011, 0b1100_1111]), bit=bit, bits=bits, signed=signed) == expected


def test_a_number_is_scaled_exactly() -> None:
    assert one(b"\x00\x2f", type="uint16be", scale=0.2) == 9.4
    assert one(b"\x00\x03", type="uint16be", scale=0.1, add=-50) == -49.7


def test_parts_are_added_up() -> None:
    part = {"type": "uint8", "offset": 1, "scale": 0.1}

    assert one(b"\x4b\x05", type="uint8", add=-50, plus=[part]) == 25.5


def test_codes_become_words_and_unknown_ones_are_left_out() -> None:
    field = {"type": "uint8", "values": {0: "free", 1: "occupied", "*": "unknown"}, "null_values": [255]}

    assert [one(bytes([b]), **field) for b in (0, 1, 7, 255)] == ["free", "occupied", "unknown", None]


def test_a_float_that_is_no_number_is_unknown() -> None:
    assert one(struct.pack(">f", float("nan")), type="float32be") is None


@pytest.mark.parametrize(("size", "length"), [(None, 1), (2, 1), (2, 3)])
def test_a_frame_of_the_wrong_length_is_refused(size: int | None, length: int) -> None:
    with pytest.raises(ReadError) as caught:
        layout({"name": "x", "type": "uint16be"}, size=size).decode(b"\x00" * length)

    assert caught.value.reason == Reason.MALFORMED


def test_a_frame_may_be_longer_where_no_size_is_declared() -> None:
    assert layout({"name": "x", "type": "uint8"}).decode(b"\x07\x08") == {"x": 7}


def test_groups_are_where_the_flags_say() -> None:
    fields = [{"name": "a", "type": "uint8"}], [{"name": "b", "type": "uint8", "offset": 1}]
    groups = {
        "flags": {"type": "uint8"},
        "start": 1,
        "items": [{"size": n, "fields": f} for n, f in enumerate(fields, 1)],
    }
    known = Layout.model_validate({"groups": groups})

    assert known.decode(b"\x03\x0a\x00\x0b") == {"a": 10, "b": 11}
    assert known.decode(b"\x02\x00\x0b") == {"b": 11}
    assert known.decode(b"\x00") == {}
    with pytest.raises(ReadError, match="too short for group 1"):
        known.decode(b"\x03\x0a\x00")
    with pytest.raises(ReadError, match="without its flags"):
        known.decode(b"")


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        ({"fields": [{"name": "x"}]}, "needs either 'type' or 'bit'"),
        ({"fields": [{"name": "x", "type": "uint8", "bit": 1}]}, "needs either 'type' or 'bit'"),
        ({"fields": [{"name": "x", "type": "uint16"}]}, "no type 'uint16'; there are uint8"),
        ({"fields": []}, "needs fields"),
        ({"fields": [{"name": "x", "bit": 1}, {"name": "x", "bit": 2}]}, "each with a name of its own"),
        ({"fields": [{"name": "x", "bit": 1}], "ignore": ["zz"]}, "hexadecimal"),
    ],
)
def test_a_layout_that_cannot_work_is_refused_when_it_is_loaded(declared: Any, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Layout.model_validate(declared)
