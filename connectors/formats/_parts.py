"""One number in a binary frame: where it stands, how it is written, what it becomes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Literal

from pydantic import ConfigDict, Field, model_validator

from connectors.formats._values import Case, Conversion, transform

Endian = Literal["big", "little"]

#: Size in bytes, order and sign of each type.
INTEGERS: dict[str, tuple[int, Endian, bool]] = {
    f"{sign}int{bits}{order}": (bits // 8, "little" if order == "le" else "big", sign == "")
    for bits in (8, 16, 24, 32, 64)
    for sign in ("u", "")
    for order in (("",) if bits == 8 else ("be", "le"))
}
FLOATS = {"float32be": ">f", "float32le": "<f", "float64be": ">d", "float64le": "<d"}

#: Takes the frame and where its part of it begins, in bytes.
Take = Callable[[bytes, int], Any]


class Part(Conversion):
    """A number in the frame: a ``type`` at a byte ``offset``, or ``bits`` from a ``bit``; then ``scale`` and ``add``.

    Bits are counted from the highest of the first byte.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str | None = None
    offset: int = Field(default=0, ge=0, le=255)
    bit: int | None = Field(default=None, ge=0, le=2047)
    bits: int = Field(default=1, ge=1, le=64)
    signed: bool = False
    cases: tuple[Case, ...] = ()

    @model_validator(mode="after")
    def _one_way(self) -> Part:
        if (self.type is None) == (self.bit is None):
            raise ValueError("needs either 'type' or 'bit'")
        if self.type is not None and self.type not in INTEGERS and self.type not in FLOATS:
            raise ValueError(f"no type {self.type!r}; there are {', '.join([*INTEGERS, *FLOATS])}")
        return self

    @property
    def end(self) -> int:
        """Bytes the frame needs for it."""
        if self.bit is not None:
            return (self.bit + self.bits + 7) // 8
        size = struct.calcsize(FLOATS[self.type]) if self.type in FLOATS else INTEGERS[str(self.type)][0]
        return self.offset + size

    def take(self) -> Take:
        """The number as a function of the frame."""
        raw = self.raw()
        change = transform(self.model_copy(update={"unit": None}), None)
        return raw if change is None else lambda frame, start: change(raw(frame, start))

    def raw(self) -> Take:
        """The number before ``scale``, ``add`` and ``cases``."""
        if self.bit is not None:
            return _bits(self.bit, self.bits, self.signed)
        if self.type in FLOATS:
            unpack, at = struct.Struct(FLOATS[self.type]).unpack_from, self.offset
            return lambda frame, start: unpack(frame, start + at)[0]
        (size, order, signed), at = INTEGERS[str(self.type)], self.offset
        if size == 1 and not signed:
            return lambda frame, start: frame[start + at]
        end = at + size
        return lambda frame, start: int.from_bytes(frame[start + at : start + end], order, signed=signed)


def _bits(first: int, count: int, signed: bool) -> Take:
    begin, end = first // 8, (first + count + 7) // 8
    shift, mask = end * 8 - first - count, (1 << count) - 1
    sign = 1 << (count - 1) if signed else 0

    def take(frame: bytes, start: int) -> int:
        value = int.from_bytes(frame[start + begin : start + end], "big") >> shift & mask
        return (value ^ sign) - sign

    return take
