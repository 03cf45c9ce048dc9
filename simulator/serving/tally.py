"""What has been served so far: counts of each source come in, the status that everybody may read goes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from simulator.clock import CityClock
from simulator.local_time import iso
from simulator.source import Counts


@dataclass
class Entry:
    """One source: how much it said, and how far it is known to have arrived."""

    event: str
    until: Callable[[], float]
    counts: Counts = field(default_factory=Counts)
    answers: int = 0

    def add(self, counts: Counts) -> None:
        """One more answer, file or block of messages."""
        self.counts = self.counts + counts
        self.answers += 1


@dataclass
class Tally:
    """All sources of a city that is being served."""

    seed: int
    tenant: str
    clock: CityClock
    is_waiting: bool = True  # nobody has come yet, the clock stands
    sources: dict[str, Entry] = field(default_factory=dict)

    def entry(self, name: str, event: str, until: Callable[[], float]) -> Entry:
        """A place for a source."""
        self.sources[name] = Entry(event, until)
        return self.sources[name]

    def status(self) -> Mapping[str, Any]:
        """Everything, as JSON. Of events before `delivered_until` nothing is on its way any more."""
        total = sum((e.counts for e in self.sources.values()), Counts())
        until = min((e.until() for e in self.sources.values()), default=self.clock.start)
        return {
            "tenant": self.tenant,
            "seed": self.seed,
            "phase": "waiting" if self.is_waiting else str(self.clock.phase),
            "city_time": iso(int(self.clock.now())),
            "started_at": iso(int(self.clock.start)),
            "delivered_until": iso(int(until)),
            "events": total.good,
            "faults": _faults(total),
            "sources": {
                name: {
                    "event": e.event,
                    "events": e.counts.good,
                    "answers": e.answers,
                    "delivered_until": iso(int(e.until())),
                    "faults": _faults(e.counts),
                }
                for name, e in self.sources.items()
            },
        }


def _faults(counts: Counts) -> dict[str, int]:
    return {name: n for name, n in asdict(counts).items() if name != "good"}
