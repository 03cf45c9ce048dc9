"""How much memory a process takes while something happens to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

LOOK_SECONDS = 0.05
MEGABYTE = 1e6


@dataclass
class Memory:
    """Resident memory, in MB, at each look."""

    looks: list[float] = field(default_factory=list)

    @property
    def peak(self) -> float:
        return max(self.looks)

    @property
    def growth(self) -> float:
        """From the first look to the peak."""
        return self.peak - self.looks[0]


@contextmanager
def memory_of(pid: int) -> Iterator[Memory]:
    """What is seen of a process until the end of the block; it has to live that long."""
    seen, over, process = Memory(), threading.Event(), psutil.Process(pid)

    def look_on() -> None:
        while not over.wait(LOOK_SECONDS):
            seen.looks.append(process.memory_info().rss / MEGABYTE)

    seen.looks.append(process.memory_info().rss / MEGABYTE)
    thread = threading.Thread(target=look_on, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
    assert process.is_running()
    assert process.status() != psutil.STATUS_ZOMBIE
