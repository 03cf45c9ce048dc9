"""Drops a city's files into a folder, as its clock goes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from simulator.clock import CityClock
from simulator.faults import Faults
from simulator.serving.tally import Tally
from simulator.serving.waiting import has_come
from simulator.sources.traffic import TrafficDrops

_KEPT_FILES = 1000


class Drops:
    """The files of road segments: each is written beside its name and renamed, so that nobody reads half of one."""

    def __init__(self, source: TrafficDrops, folder: Path, clock: CityClock, faults: Faults, tally: Tally) -> None:
        self._source = source
        self._folder = folder
        self._clock = clock
        self._faults = faults
        self.until = -(-int(clock.start) // source.period) * source.period
        self._entry = tally.entry(source.name, source.event, lambda: self.until)

    async def run(self) -> None:
        """Drops each file when its time is over, until cancelled."""
        self._folder.mkdir(parents=True, exist_ok=True)
        while True:
            end = self.until + self._source.period
            await has_come(self._clock, end)
            self.drop(self.until)
            self.until = end
            await asyncio.sleep(0)

    def drop(self, step: int) -> Path:
        """Writes the file of a step and takes away the oldest of a thousand."""
        answer = self._source.answer(step, self._faults)
        path = self._folder / self._source.file_name(step)
        part = path.with_name(path.name + ".part")
        part.write_bytes(answer.body)
        part.replace(path)
        (self._folder / self._source.file_name(step - _KEPT_FILES * self._source.period)).unlink(missing_ok=True)
        self._entry.add(answer.counts)
        return path
