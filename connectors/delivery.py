"""What a transport and its user hand each other.

A module of `connectors.transports` has ``Options`` and

- ``async def run(options, context, intake)``: hands every payload to ``intake.deliver``, for ever; it waits out what is
  temporary by itself (and says so to ``context.report``) and raises where it cannot go on;
- ``async def fetch(options, context)``: iterator over the payloads that are there now, for references and previews.

``deliver`` returns when the payload is decoded and its records are on their way; waiting in it is the backpressure.
When Kafka has all records of a delivery, and of those before it, its position and its counts are saved, and then it is
acknowledged. So whatever was not acknowledged can be shown again after a crash, and is counted once.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pydantic import SecretStr

from connectors.cursor import Cursor, Position
from connectors.model import Payload, Rejected


@dataclass(frozen=True, slots=True)
class Delivery:
    """One payload, and what to do once Kafka has its records."""

    payload: Payload
    key: str | None = None  # what the position belongs to: an address, a file
    position: Position | None = None  # where to go on after a restart
    repeats: bool = False  # whether the source shows the same observations again, so they are kept over a restart
    acknowledge: Callable[[], None] | None = None
    problem: Rejected | None = None  # set when there is nothing to decode
    token: int | None = None  # kept over a restart, so that the source can tell what it has delivered before
    is_again: bool = False  # taken before; there is only the acknowledgement left to give


@dataclass(frozen=True, slots=True)
class Broker:
    """The MQTT broker of the platform."""

    url: str
    user: str | None = None
    password: SecretStr | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What a transport knows of its feed and of the machine."""

    tenant: str
    feed: str
    state: Path  # folder that relative folders are in
    cursor: Cursor
    report: Callable[[str, Exception], None]  # kind and error of an attempt that failed and will be repeated
    broker: Broker | None = None


class Intake(Protocol):
    """Who takes the payloads."""

    async def deliver(self, delivery: Delivery) -> bool:
        """Take one payload: whether anything in it could be read. They are acknowledged in the order of these calls."""
        ...

    async def drain(self) -> None:
        """Wait, for a limited time, until what was delivered is acknowledged."""
        ...


class Transport(Protocol):
    """A module of `connectors.transports`."""

    async def run(self, options: Any, context: Context, intake: Intake) -> None:
        """Deliver until cancelled."""
        ...

    def fetch(self, options: Any, context: Context) -> AsyncGenerator[Payload, None]:
        """The payloads that are there now."""
        ...
