"""Binary frames of sensors by a declared layout: bytes come in, named values go out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from connectors.formats._errors import ReadError
from connectors.formats._parts import Part, Take
from connectors.formats._values import OTHERS
from connectors.model import Reason

Decode = Callable[[bytes], dict[str, Any]]


class FrameField(Part):
    """A named value; ``plus`` adds further parts, and ``to`` makes it a field of the contract."""

    name: str = Field(pattern=r"^\w{1,64}$")
    plus: tuple[Part, ...] = ()
    values: dict[Any, Any] = Field(default_factory=dict)
    null_values: tuple[int, ...] = ()
    to: str | None = None
    format: str | None = None

    @property
    def size(self) -> int:
        """Bytes the frame needs for it."""
        return max(p.end for p in (self, *self.plus))

    def value(self) -> Take:
        """The value as a function of the frame; None when the frame says it is unknown."""
        parts = [p.take() for p in (self, *self.plus)]
        take: Take = parts[0] if len(parts) == 1 else lambda frame, start: sum(p(frame, start) for p in parts)
        if not self.values and not self.null_values:
            return take
        raw, unknown, listed = self.raw(), frozenset(self.null_values), self.values

        def value(frame: bytes, start: int) -> Any:
            key = raw(frame, start)
            if key in unknown:
                return None
            if key in listed:
                return listed[key]
            return listed[OTHERS] if OTHERS in listed else take(frame, start)

        return value


class Group(BaseModel):
    """Fields of a sensor that may be missing from the frame; offsets count from where the group begins."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int = Field(gt=0, le=255)
    fields: tuple[FrameField, ...] = ()


class Groups(BaseModel):
    """Groups that follow one another from ``start``; bit n of ``flags`` (0 is the lowest) says if group n is there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    flags: Part
    start: int = Field(ge=0, le=255)
    items: tuple[Group, ...]


class Layout(BaseModel):
    """Where each value stands in a frame; ``ignore`` are frames (hex) that say nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int | None = Field(default=None, gt=0, le=255)  # exact; None: as long as the fields need, or longer
    fields: tuple[FrameField, ...] = ()
    groups: Groups | None = None
    ignore: tuple[str, ...] = ()

    @property
    def all_fields(self) -> tuple[FrameField, ...]:
        """The fields, those in groups too."""
        return (*self.fields, *(f for g in (self.groups.items if self.groups else ()) for f in g.fields))

    @cached_property
    def ignored(self) -> frozenset[bytes]:
        """The frames that say nothing."""
        return frozenset(bytes.fromhex(h) for h in self.ignore)

    @cached_property
    def decode(self) -> Decode:
        """The values of a frame by name, unknown ones left out; raises `ReadError` for one of the wrong length."""
        needed = max([self.size or 0, *(f.size for f in self.fields)])
        fields, groups = _compiled(self.fields), self.groups
        exact = self.size is not None and groups is None

        def decode(frame: bytes) -> dict[str, Any]:
            if len(frame) < needed or (exact and len(frame) != needed):
                raise ReadError(Reason.MALFORMED, f"a frame of {len(frame)} bytes, not {needed}")
            values: dict[str, Any] = {}
            _fill(values, fields, frame, 0)
            return values

        return decode if groups is None else _with_groups(decode, groups)

    @model_validator(mode="after")
    def _loads(self) -> Layout:
        names = [f.name for f in self.all_fields]
        if not names or len(set(names)) != len(names):
            raise ValueError("needs fields, each with a name of its own")
        _ = self.decode, self.ignored
        return self


Compiled = tuple[tuple[str, Take], ...]


def _compiled(fields: Sequence[FrameField]) -> Compiled:
    return tuple((f.name, f.value()) for f in fields)


def _fill(values: dict[str, Any], fields: Compiled, frame: bytes, start: int) -> None:
    for name, take in fields:
        value = take(frame, start)
        if value is not None and value == value:  # not a number: unknown
            values[name] = value


def _with_groups(fixed: Decode, groups: Groups) -> Decode:
    flags, first = groups.flags.take(), max(groups.start, groups.flags.end)
    items = tuple((g.size, _compiled(g.fields)) for g in groups.items)

    def decode(frame: bytes) -> dict[str, Any]:
        values = fixed(frame)
        if len(frame) < first:
            raise ReadError(Reason.MALFORMED, f"a frame of {len(frame)} bytes, without its flags")
        there, start = flags(frame, 0), groups.start
        for n, (size, fields) in enumerate(items):
            if there >> n & 1:
                if len(frame) < start + size:
                    raise ReadError(Reason.MALFORMED, f"a frame of {len(frame)} bytes, too short for group {n}")
                _fill(values, fields, frame, start)
                start += size
        return values

    return decode
