"""Radio messages in the order in which they are published: devices' records come in, with faults; messages go out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.chance import Ints
from simulator.faults import Faults, Kind
from simulator.payloads.chirpstack import Application, pieces
from simulator.source import Counts

_TORN_BYTES = 40  # what a broken message lacks at its end


class Message(NamedTuple):
    """One MQTT message; the first field is the city time at which it is published."""

    at: int
    topic: bytes
    payload: bytes


@dataclass(frozen=True)
class Uplinks:
    """What devices say: device, time and frame of each record, in the order of time."""

    devices: Ints
    times: Ints
    frames: NDArray[np.void]
    is_spike: NDArray[np.bool_]

    def take(self, which: Ints) -> Uplinks:
        """Those of them."""
        return Uplinks(self.devices[which], self.times[which], self.frames[which], self.is_spike[which])


class RadioSource(ABC):
    """The devices of one application."""

    name: str
    event: str

    def __init__(self, application: Application) -> None:
        self.application = application
        self._topics = [t.encode() for t in application.topics]

    @abstractmethod
    def uplinks(self, start: int, end: int, faults: Faults) -> Uplinks:
        """What the devices say from start to end (exclusive) by event time."""

    def published(self, start: int, end: int, faults: Faults) -> tuple[list[Message], Counts]:
        """The messages published from start to end (exclusive), in that order, and how much they say."""
        said = self.uplinks(start - faults.longest_delay, end, faults)
        at = said.times + faults.delays(self.name, said.devices, said.times)
        here = np.flatnonzero((at >= start) & (at < end))
        here = here[np.argsort(at[here], kind="stable")]
        said, at = said.take(here), at[here]
        twice, broken = (set(self._hits(k, said, faults)) for k in (Kind.DUPLICATE, Kind.BROKEN))
        rows = zip(said.devices.tolist(), said.times.tolist(), at.tolist(), pieces(said.frames), strict=True)
        messages = []
        for n, (device, time, when, frame) in enumerate(rows):
            message = Message(when, self._topics[device], self.application.message(device, time, frame))
            messages += [message] * (2 if n in twice else 1)
            if n in broken:
                messages.append(message._replace(payload=message.payload[:-_TORN_BYTES]))
        return messages, self._counts(said, faults)

    def counts(self, start: int, end: int, faults: Faults) -> Counts:
        """How much the devices say from start to end (exclusive) by event time."""
        return self._counts(self.uplinks(start, end, faults), faults)

    def _counts(self, said: Uplinks, faults: Faults) -> Counts:
        kinds = (Kind.DUPLICATE, Kind.BROKEN, Kind.DISORDER, Kind.LATE)
        hits = {str(kind): len(self._hits(kind, said, faults)) for kind in kinds}
        hits |= {"spike": int(said.is_spike.sum())}
        return Counts(good=len(said.times), **hits)

    def _hits(self, kind: Kind, said: Uplinks, faults: Faults) -> list[int]:
        return [int(n) for n in faults.hits(kind, self.name, said.devices, said.times)]
