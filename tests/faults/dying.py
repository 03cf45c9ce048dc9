"""A connector that is killed at a point of its work: ``python -m tests.faults.dying POINT COUNT FEED.yaml…``.

The kill comes the COUNT-th time that the point is reached; nothing of the process runs after it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from itertools import count
from pathlib import Path
from typing import Any

from connectors import feed_run
from connectors.cursor import Cursor
from connectors.intake import FeedIntake
from connectors.producer import Done, Producer
from connectors.transports._mqtt_connection import Connection
from tests.servers.ingesting import forever

SAVE_SECONDS = 0.2
POINTS = ("polled", "queued", "acknowledged", "advanced", "saving", "replacing", "saved")
OF_MQTT = (*POINTS, "told")
Die = Callable[[], None]


def arm(point: str, die: Die) -> None:
    """Let this process call ``die`` at each pass of a point."""
    match point:
        case "polled":  # the source has given it, no record is sent
            _before(FeedIntake, "deliver", die)
        case "queued":  # a record is in the producer's queue, Kafka may have it or not
            _after(Producer, "send", die)
        case "acknowledged":  # Kafka has a record, and the intake does not know
            _before_done(die)
        case "advanced":  # all of a payload is in Kafka, and the cursor is in memory alone
            _after(Cursor, "settle", die, is_async=False)
        case "saving":
            _before(Cursor, "save", die)
        case "replacing":  # the new cursor is written beside the old one
            _before(Path, "replace", die, is_async=False)
        case "saved":
            _after(Cursor, "save", die)
        case "told":  # an MQTT broker is about to get the acknowledgement
            _after(Connection, "acknowledge", die, is_async=False)
        case _:
            raise ValueError(f"no point {point!r}; there are {', '.join(POINTS)}")


def _before(owner: type, name: str, die: Die, *, is_async: bool = True) -> None:
    _wrap(owner, name, die, lambda: None, is_async=is_async)


def _after(owner: type, name: str, die: Die, *, is_async: bool = True) -> None:
    _wrap(owner, name, lambda: None, die, is_async=is_async)


def _wrap(owner: type, name: str, before: Die, after: Die, *, is_async: bool) -> None:
    real = getattr(owner, name)

    @wraps(real)
    def plain(*args: Any, **kwargs: Any) -> Any:
        before()
        result = real(*args, **kwargs)
        after()
        return result

    @wraps(real)
    async def waiting(*args: Any, **kwargs: Any) -> Any:
        before()
        result = await real(*args, **kwargs)
        after()
        return result

    setattr(owner, name, waiting if is_async else plain)


def _before_done(die: Die) -> None:
    real = Producer.send

    async def send(self: Producer, topic: str, key: bytes, value: bytes, done: Done, *rest: Any) -> None:
        def dying(*args: Any) -> None:
            die()
            done(*args)

        await real(self, topic, key, value, dying, *rest)

    Producer.send = send  # type: ignore[method-assign]


def _killer(passes: int) -> Die:
    passed = count(1)

    def die() -> None:
        if next(passed) == passes:
            os.kill(os.getpid(), signal.SIGKILL)

    return die


if __name__ == "__main__":
    arm(sys.argv[1], _killer(int(sys.argv[2])))
    feed_run.SAVE_SECONDS = SAVE_SECONDS
    asyncio.run(forever(sys.argv[3:]))
