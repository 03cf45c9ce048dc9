"""What flows through a connector: bytes come in as a `Payload`, go out as `Record` or `Rejected`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

#: What is known of entities beside their observations (place, capacity, timetable), by the key the format chose.
Reference = Mapping[str, Mapping[str, Any]]
NO_REFERENCE: Reference = {}

#: Makes a payload of the format that holds one record alone, with no more beside it than its decoding needs.
Alone = Callable[[], bytes]


class Reason(StrEnum):
    """Classes of failure; a dead letter carries one, and they are counted by it."""

    MALFORMED = "malformed"  # the bytes are not what the format says
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"  # a field that cannot be read as what the contract says
    OUT_OF_RANGE = "out_of_range"
    UNKNOWN_VALUE = "unknown_value"  # not one of the values the contract lists
    FUTURE_TIME = "future_time"  # later than now and the feed's tolerance
    UNSUPPORTED = "unsupported"  # a dialect or version the format does not read
    TOO_LARGE = "too_large"
    HOSTILE = "hostile"  # XML bomb, external entity, zip bomb


@dataclass(frozen=True, slots=True)
class Payload:
    """One message, answer or file as a transport got it."""

    body: bytes
    place: str  # address, topic or file it came from
    received_at: datetime  # aware, UTC
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One observation, in the units and names of its contract; tenant, feed and ingested_at come with the feed."""

    event: str
    entity_id: str
    observed_at: datetime  # aware
    values: dict[str, Any] = field(default_factory=dict)
    alone: Alone | None = field(default=None, compare=False, repr=False)  # None where its payload holds nothing else


@dataclass(frozen=True, slots=True)
class Rejected:
    """One record that could not be read, and its place in its payload."""

    reason: Reason
    detail: str
    place: str
    payload: bytes | None  # what holds it alone, to be decoded again; None where its whole payload does


class FormatOptions(BaseModel):
    """Base of a format's options, as they stand in a feed's YAML under ``format``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str


class Format(Protocol):
    """A module of `connectors.formats`: pure, bytes in and records out."""

    Options: type[FormatOptions]

    def decode(self, payload: Payload, options: Any, reference: Reference) -> Iterator[Record | Rejected]:
        """The records of a payload; one that is bad is a `Rejected` and never ends the others."""
        ...

    def read_reference(self, payload: Payload, options: Any) -> Reference:
        """What a reference payload says; only formats that have one define it.

        Raises:
            ValueError: the payload cannot be read.
        """
        ...
