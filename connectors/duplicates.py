"""What a feed has seen before, within bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

Key = tuple[str, datetime]  # entity_id and observed_at: the natural key of an observation within a feed
K = TypeVar("K", bound=Hashable)

SEEN_LIMIT = 500_000
SEEN_LETTERS = 20_000
NEWEST_LIMIT = 20_000


class Seen(Generic[K]):
    """The keys of late: at most `limit`, and the newer half of them for certain.

    Two generations of plain sets take a third of the memory of a linked list and need no work for a key seen again.
    """

    def __init__(self, keys: Iterable[K] = (), limit: int = SEEN_LIMIT) -> None:
        self._half = limit // 2
        self._young: set[K] = set(keys)
        self._old: set[K] = set()

    def is_new(self, key: K) -> bool:
        """Whether the key comes for the first time; it is known from then on."""
        if key in self._young or key in self._old:
            return False
        if len(self._young) >= self._half:
            self._old, self._young = self._young, set()
        self._young.add(key)
        return True

    def add(self, keys: Iterable[K]) -> None:
        """Know these keys from now on."""
        for key in keys:
            self.is_new(key)

    def forget(self, keys: Iterable[K]) -> None:
        """Take these as if they had not come."""
        for key in keys:
            self._young.discard(key)
            self._old.discard(key)


class Newest:
    """The newest keys that Kafka has, at most `limit`: what is kept over a restart."""

    def __init__(self, keys: Iterable[Key] = (), limit: int = NEWEST_LIMIT) -> None:
        self._keys: OrderedDict[Key, None] = OrderedDict.fromkeys(keys)
        self._limit = limit

    def add(self, keys: Iterable[Key]) -> None:
        """Keep these, and let go of the oldest."""
        for key in keys:
            self._keys[key] = None
        while len(self._keys) > self._limit:
            self._keys.popitem(last=False)

    def keys(self) -> list[Key]:
        """The keys, oldest first."""
        return list(self._keys)


@dataclass(slots=True)
class Known:
    """The records and dead letters that a feed has sent of late."""

    keys: Seen[Key] = field(default_factory=Seen)
    letters: Seen[str] = field(default_factory=lambda: Seen(limit=SEEN_LETTERS))
