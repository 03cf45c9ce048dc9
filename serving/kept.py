"""Answers that are costly and change slowly, kept for some seconds."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")
MAX_KEPT = 100


class Kept(Generic[T]):
    """What was made lately, by its key; of equal questions at once only the first makes it."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._found: OrderedDict[Hashable, tuple[float, T]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of a key, made now unless it is young enough."""
        with self._lock:
            at, value = self._found.get(key, (None, None))
            if at is not None and value is not None and self._clock() - at < self._seconds:
                return value
            made = make()
            self._found.pop(key, None)
            self._found[key] = (self._clock(), made)
            if len(self._found) > MAX_KEPT:
                self._found.popitem(last=False)
            return made
