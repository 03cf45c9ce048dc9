"""Generated questions about the probes, and what the answer must be by plain Python."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from schemas import Contract
from serving.access.levels import Level, visible_fields
from tests.servers.serving import PARTS, START, STATES, TENANTS, documents, probes

Document = dict[str, Any]
Holds = Callable[[Document], bool]
VISITS = range(-1, PARTS + 2, 7)
BOX = (43.5, 1.4, 43.525, 1.425)  # south, west, north, east; places lie on hundredths, so none is on its edge


@dataclass(frozen=True)
class Identity:
    """Somebody who asks: the headers of their requests, and what they may see."""

    name: str
    headers: dict[str, str]
    level: Level
    tenants: frozenset[str]  # whose documents they see at their level

    def scope(self, asked: list[str]) -> tuple[Level, frozenset[str]]:
        """At which level whose documents are in the answer to a request for these tenants."""
        every = frozenset(TENANTS)
        if not asked:
            return self.level, self.tenants
        wanted = every if "*" in asked else frozenset(asked) & every
        is_own = wanted <= self.tenants and ("*" not in asked or self.level is Level.OPEN)
        return (self.level if is_own else Level.OPEN), wanted

    def sees(self, dataset: str, asked: list[str]) -> list[Document] | None:
        """The documents of a dataset as they may be seen; None when there is no such dataset for them."""
        level, tenants = self.scope(asked)
        contract = probes()[dataset]
        names = [f.name for f in visible_fields(contract, level)]
        if not names:
            return None
        found = (d for d in documents(contract) if d["tenant"] in tenants)
        return [{n: d[n] for n in names} for d in found]


@dataclass(frozen=True)
class Question:
    """A condition in ODSQL, what it means, and the fields it names."""

    text: str
    holds: Holds
    fields: frozenset[str]


def question(rng: random.Random, contract: Contract, depth: int = 2) -> Question:
    """A condition on any of the contract's fields, whoever may see them."""
    if depth and rng.random() < 0.5:
        parts = [question(rng, contract, depth - 1) for _ in range(2)]
        return _joined(rng.choice(["and", "or", "not"]), parts)
    names = {f.name for f in contract.fields}
    leaves = [leaf for leaf in LEAVES if leaf.field in names]
    leaf = rng.choice(leaves)
    return leaf.made(rng)


def _joined(word: str, parts: list[Question]) -> Question:
    first, second = parts
    fields = first.fields | second.fields
    if word == "not":
        return Question(f"not ({first.text})", lambda d: not first.holds(d), first.fields)
    holds = all if word == "and" else any
    return Question(f"({first.text}) {word} ({second.text})", lambda d: holds([p.holds(d) for p in parts]), fields)


@dataclass(frozen=True)
class Leaf:
    """A kind of condition on one field."""

    field: str
    make: Callable[[random.Random, str], tuple[str, Holds]]

    def made(self, rng: random.Random) -> Question:
        text, holds = self.make(rng, self.field)
        return Question(text, holds, frozenset({self.field}))


def _number(rng: random.Random, field: str) -> tuple[str, Holds]:
    value, sign = rng.choice(VISITS), rng.choice(["=", "!=", "<", "<=", ">", ">="])
    compare: dict[str, Callable[[Any], bool]] = {
        "=": lambda v: v == value,
        "!=": lambda v: v != value,
        "<": lambda v: v < value,
        "<=": lambda v: v <= value,
        ">": lambda v: v > value,
        ">=": lambda v: v >= value,
    }
    return f"{field} {sign} {value}", lambda d: d[field] is not None and compare[sign](d[field])


def _between(rng: random.Random, field: str) -> tuple[str, Holds]:
    low, high = sorted(rng.sample(VISITS, 2))
    return f"{field} in [{low}..{high}[", lambda d: d[field] is not None and low <= d[field] < high


def _time(rng: random.Random, field: str) -> tuple[str, Holds]:
    at: datetime = START + timedelta(minutes=rng.randrange(-5, 10 * PARTS))
    return f"{field} >= date'{at.isoformat()}'", lambda d: d[field] >= at


def _one_of(values: Iterable[str]) -> Callable[[random.Random, str], tuple[str, Holds]]:
    known = [*values, "nothing"]

    def make(rng: random.Random, field: str) -> tuple[str, Holds]:
        chosen = rng.sample(known, 2)
        return f"{field} in ({', '.join(map(repr, chosen))})", lambda d: d[field] in chosen

    return make


def _starts(beginnings: Iterable[str]) -> Callable[[random.Random, str], tuple[str, Holds]]:
    known = list(beginnings)

    def make(rng: random.Random, field: str) -> tuple[str, Holds]:
        start = rng.choice(known)
        return f'startswith({field}, "{start}")', lambda d: d[field] is not None and d[field].startswith(start)

    return make


def _null(rng: random.Random, field: str) -> tuple[str, Holds]:
    wanted = rng.random() < 0.5
    return f"{field} is {'null' if wanted else 'not null'}", lambda d: (d[field] is None) == wanted


def _boolean(rng: random.Random, field: str) -> tuple[str, Holds]:
    wanted = rng.random() < 0.5
    return f"{field} is {str(wanted).lower()}", lambda d: d[field] is wanted


def _box(_: random.Random, field: str) -> tuple[str, Holds]:
    south, west, north, east = BOX
    text = f"in_bbox({field}, {south - 0.001}, {west - 0.001}, {north}, {east})"
    return text, lambda d: d[field]["lat"] <= north and d[field]["lon"] <= east


LEAVES = [
    Leaf("visits_count", _number),
    Leaf("visits_count", _between),
    Leaf("level_celsius", _number),
    Leaf("level_celsius", _null),
    Leaf("observed_at", _time),
    Leaf("state", _one_of(STATES)),
    Leaf("tenant", _one_of(TENANTS)),
    Leaf("entity_id", _starts([*TENANTS, "hidden-", "balma-1"])),
    Leaf("is_open", _boolean),
    Leaf("location", _box),
    Leaf("operator_note", _starts(["hidden-partner", "hidden-partner-balma-1", "x"])),
    Leaf("operator_note", _null),
    Leaf("cost_euros", _number),
    Leaf("owner_name", _starts(["hidden-private", "x"])),
    Leaf("inspector", _starts(["hidden-personal"])),
]
