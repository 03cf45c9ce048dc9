"""Which of the first messages of a connection came before.

MQTT marks a repeated message, but not every broker does (ActiveMQ Artemis gives it a new number and no mark). What
holds for all of them is the order: a broker begins with the oldest message that it has no acknowledgement of. So the
first messages are the last ones of before, in the same order, from some point on.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterable

from connectors.transports._mqtt_connection import Connection
from connectors.transports._mqtt_packets import Message

QUIET_SECONDS = 10.0  # as long a broker may pause between messages that it repeats


def token_of(message: Message) -> int:
    """A number that tells messages apart by topic and content."""
    return zlib.crc32(message.payload, zlib.crc32(message.topic.encode()))


class Overlap:
    """How many of the first that come are the last of before.

    A publisher's own repeat at just this point cannot be told from the broker's; it is taken for the broker's.
    """

    def __init__(self, before: Iterable[int]) -> None:
        self.count = 0
        self._before = list(before)
        self._starts = list(range(len(self._before)))  # where the first that came may stand
        self._came = 0

    @property
    def is_open(self) -> bool:
        """Whether more that comes could raise the count."""
        return bool(self._starts)

    def add(self, token: int) -> None:
        """One more has come."""
        starts = [i for i in self._starts if self._before[i + self._came] == token]
        self._came += 1
        self._starts = [i for i in starts if i + self._came < len(self._before)]
        if len(self._starts) < len(starts):
            self.count = self._came


async def first_messages(connection: Connection, before: Iterable[int]) -> tuple[list[Message], int]:
    """The first messages, as many as it takes to know, and how many of them came before.

    Raises:
        MqttError: the connection is lost.
    """
    came: list[Message] = []
    overlap = Overlap(before)
    while overlap.is_open:
        try:
            async with asyncio.timeout(QUIET_SECONDS if came else None):
                came.append(await connection.message())
        except TimeoutError:
            break
        overlap.add(token_of(came[-1]))
    return came, overlap.count
