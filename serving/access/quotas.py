"""How often a caller may ask: a bucket of requests that fills again by the minute."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from serving.access.caller import Caller
from serving.problems import ProblemError

MAX_BUCKETS = 10_000


class Quotas:
    """The buckets of those who asked lately; each process counts for itself."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: Caller) -> None:
        """Count a request.

        Raises:
            ProblemError: the caller has no requests left now; says when there is one.
        """
        with self._lock:
            now, name = self._clock(), caller.counted_as
            left, at = self._buckets.pop(name, (float(caller.per_minute), now))
            left = min(caller.per_minute, left + (now - at) * caller.per_minute / 60)
            self._buckets[name] = (max(left - 1, 0) if left >= 1 else left, now)
            if len(self._buckets) > MAX_BUCKETS:
                self._buckets.popitem(last=False)
        if left < 1:
            seconds = math.ceil((1 - left) * 60 / caller.per_minute)
            detail = f"{caller.per_minute} requests a minute are used up; the next one is answered in {seconds} s"
            raise ProblemError(429, "quota", detail, {"Retry-After": str(seconds)})
