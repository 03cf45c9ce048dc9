"""Which faults come when: a seed and a number of minutes come in, the same list comes out every time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

SERVERS = ("kafka", "registry", "elasticsearch", "mqtt")
DRIVERS = ("observations", "jobs")
PARTS = ("connectors", *DRIVERS)
SECONDS_APART = 55.0  # on average; so half an hour has each kind once at least


@dataclass(frozen=True)
class Kind:
    """One thing that can go wrong, how often beside the others, and how long it lasts."""

    name: str
    target: str
    weight: float = 1.0
    seconds: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong at a time after the start; `seed` decides its details."""

    at_seconds: float
    name: str
    target: str
    seconds: float
    seed: int

    @property
    def words(self) -> str:
        """The fault in one line."""
        lasting = f" for {self.seconds:.0f} s" if self.seconds else ""
        return f"{self.name} {self.target}{lasting}"


KINDS: Sequence[Kind] = (
    Kind("kill", "connectors", 3, (1, 10)),
    *(Kind("kill", name, 2, (1, 10)) for name in DRIVERS),
    Kind("kill Java of", "jobs"),
    *(Kind("kill a worker of", name, 2) for name in DRIVERS),
    Kind("kill", "kafka", 2, (1, 15)),
    Kind("kill", "registry", 1, (1, 30)),
    Kind("kill", "elasticsearch", 1, (1, 15)),
    Kind("kill", "mqtt", 2, (1, 15)),
    Kind("take away", "elasticsearch", 1, (60, 120)),
    *(Kind("halt", name, 1, (5, 40)) for name in (*SERVERS, *PARTS, "simulator")),
    *(Kind("restart", name, 1, (0, 5)) for name in PARTS),
    *(Kind("kill and forget the last commit of", name) for name in DRIVERS),
    Kind("kill and lose a cursor of", "connectors"),
    Kind("make read-only", "elasticsearch", 1, (20, 60)),
    Kind("cut the answers of", "simulator", 1, (15, 45)),
    Kind("slow down", "simulator", 1, (15, 45)),
    Kind("refuse connections to", "simulator", 1, (15, 45)),
    Kind("poison", "kafka", 2),
    Kind("burst of", "simulator", 2),
    Kind("late burst of", "simulator", 2),
)


def schedule(seed: int, minutes: float, apart_seconds: float = SECONDS_APART) -> list[Fault]:
    """Faults over that time, on average so far apart: each kind once where there is room, the rest by weight."""
    rng = Random(seed)
    count = max(1, round(minutes * 60 / apart_seconds))
    chosen = _each_once(rng)[:count]
    chosen += rng.choices(KINDS, [k.weight for k in KINDS], k=count - len(chosen))
    rng.shuffle(chosen)
    slot = minutes * 60 / count
    return [
        Fault(
            at_seconds=round((n + rng.random()) * slot, 1),
            name=kind.name,
            target=kind.target,
            seconds=round(rng.uniform(*kind.seconds), 1),
            seed=rng.getrandbits(32),
        )
        for n, kind in enumerate(chosen)
    ]


def _each_once(rng: Random) -> list[Kind]:
    """All kinds, those with more weight rather earlier (Efraimidis and Spirakis 2006)."""
    return sorted(KINDS, key=lambda k: rng.random() ** (1 / k.weight), reverse=True)
