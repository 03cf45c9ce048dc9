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
class Words:
    """A condition in the languages of the doors, and its opposite, which holds for what is unknown too."""

    odsql: str
    cql2: str
    not_cql2: str
    q: str | None  # which has no words for everything

    @classmethod
    def of(cls, field: str, odsql: str, cql2: str, q: str | None) -> Words:
        """The words of a condition on one field."""
        return cls(odsql, cql2, f"({field} IS NULL OR NOT ({cql2}))", q)


@dataclass(frozen=True)
class Question:
    """A condition, what it means, and the fields it names."""

    words: Words
    holds: Holds
    fields: frozenset[str]

    @property
    def text(self) -> str:
        """The condition in ODSQL."""
        return self.words.odsql


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
    first, second = (p.words for p in parts)
    if word == "not":
        words = Words(f"not ({first.odsql})", first.not_cql2, f"({first.cql2})", None)
        return Question(words, lambda d: not parts[0].holds(d), parts[0].fields)
    other, sign = ("or", ";") if word == "and" else ("and", "|")
    words = Words(
        f"({first.odsql}) {word} ({second.odsql})",
        f"({first.cql2} {word} {second.cql2})",
        f"({first.not_cql2} {other} {second.not_cql2})",
        f"({first.q}{sign}{second.q})" if first.q and second.q else None,
    )
    holds = all if word == "and" else any
    return Question(words, lambda d: holds([p.holds(d) for p in parts]), parts[0].fields | parts[1].fields)


@dataclass(frozen=True)
class Leaf:
    """A kind of condition on one field."""

    field: str
    make: Callable[[random.Random, str, str], tuple[Words, Holds]]

    def made(self, rng: random.Random) -> Question:
        words, holds = self.make(rng, self.field, attribute(self.field))
        return Question(words, holds, frozenset({self.field}))


def attribute(field: str) -> str:
    """What NGSI-LD calls a field of a probe, which no Smart Data Model has."""
    first, *rest = field.split("_")
    return first + "".join(map(str.capitalize, rest))


def _number(rng: random.Random, field: str, name: str) -> tuple[Words, Holds]:
    value, sign = rng.choice(VISITS), rng.choice(["=", "!=", "<", "<=", ">", ">="])
    compare: dict[str, Callable[[Any], bool]] = {
        "=": lambda v: v == value,
        "!=": lambda v: v != value,
        "<": lambda v: v < value,
        "<=": lambda v: v <= value,
        ">": lambda v: v > value,
        ">=": lambda v: v >= value,
    }
    cql2, q = {"!=": "<>"}.get(sign, sign), {"=": "=="}.get(sign, sign)
    words = Words.of(field, f"{field} {sign} {value}", f"{field} {cql2} {value}", f"{name}{q}{value}")
    return words, lambda d: d[field] is not None and compare[sign](d[field])


def _between(rng: random.Random, field: str, name: str) -> tuple[Words, Holds]:
    low, high = sorted(rng.sample(VISITS, 2))
    cql2 = f"{field} BETWEEN {low} AND {high} AND {field} < {high}"
    words = Words.of(field, f"{field} in [{low}..{high}[", cql2, f"({name}=={low}..{high};{name}<{high})")
    return words, lambda d: d[field] is not None and low <= d[field] < high


def _time(rng: random.Random, field: str, name: str) -> tuple[Words, Holds]:
    at: datetime = START + timedelta(minutes=rng.randrange(-5, 10 * PARTS))
    text = at.isoformat()
    words = Words.of(field, f"{field} >= date'{text}'", f"{field} >= TIMESTAMP('{text}')", f"{name}>={text}")
    return words, lambda d: d[field] >= at


def _one_of(values: Iterable[str]) -> Callable[[random.Random, str, str], tuple[Words, Holds]]:
    known = [*values, "nothing"]

    def make(rng: random.Random, field: str, name: str) -> tuple[Words, Holds]:
        chosen = rng.sample(known, 2)
        listed = f"{field} in ({', '.join(map(repr, chosen))})"
        quoted = ",".join(f'"{c}"' for c in chosen)
        return Words.of(field, listed, listed, f"{name}=={quoted}"), lambda d: d[field] in chosen

    return make


def _starts(beginnings: Iterable[str]) -> Callable[[random.Random, str, str], tuple[Words, Holds]]:
    known = list(beginnings)

    def make(rng: random.Random, field: str, _: str) -> tuple[Words, Holds]:
        start = rng.choice(known)
        words = Words.of(field, f'startswith({field}, "{start}")', f"{field} LIKE '{start}%'", None)
        return words, lambda d: d[field] is not None and d[field].startswith(start)

    return make


def _null(rng: random.Random, field: str, name: str) -> tuple[Words, Holds]:
    wanted = rng.random() < 0.5
    null, there = f"{field} is null", f"{field} is not null"
    words = Words(null, null, there, None) if wanted else Words(there, there, null, name)
    return words, lambda d: (d[field] is None) == wanted


def _boolean(rng: random.Random, field: str, name: str) -> tuple[Words, Holds]:
    wanted = rng.random() < 0.5
    text = str(wanted).lower()
    return Words.of(field, f"{field} is {text}", f"{field} = {text}", f"{name}=={text}"), lambda d: d[field] is wanted


def _box(_: random.Random, field: str, __: str) -> tuple[Words, Holds]:
    south, west, north, east = BOX
    south, west = south - 0.001, west - 0.001
    odsql = f"in_bbox({field}, {south}, {west}, {north}, {east})"
    cql2 = f"S_INTERSECTS({field}, BBOX({west}, {south}, {east}, {north}))"
    return Words.of(field, odsql, cql2, None), lambda d: d[field]["lat"] <= north and d[field]["lon"] <= east


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
