"""True regularity of bus lines: lines, stops and hours come in, passages, headways and waits go out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import numpy as np

from simulator.buses import Buses
from simulator.chance import Floats, Ints
from simulator.local_time import HOUR, local_date

#: A headway under this share of the scheduled one is bunched.
BUNCHED_SHARE = 0.25


@dataclass(frozen=True)
class HeadwayTruth:
    """An hour of a line at a stop; a headway belongs to the hour in which it ends."""

    passages: int
    headways: int
    mean_headway_seconds: float | None
    mean_scheduled_seconds: float | None
    excess_wait_seconds: float | None
    bunched: int


class Passages:
    """When buses were first seen standing at a stop, in snapshots of the fleet."""

    def __init__(self, buses: Buses) -> None:
        self._step = buses.step
        self._lines = {line.id: line for line in buses.lines}
        self._days = lru_cache(maxsize=256)(self._around)

    def hour(self, line: str, direction: int, stop: str, start: int) -> HeadwayTruth:
        """An hour; headways are those between passages of one service day."""
        seen, scheduled = self.passages(line, direction, stop, start)
        gaps = np.diff(seen)
        # Between the last bus of a day and the first of the next there is a night, and no headway.
        ends_here = (seen[1:] >= start) & (seen[1:] < start + HOUR) & (np.abs(np.diff(scheduled)) < 4 * HOUR)
        # The timetable's headways are those of the same buses in its own order, also where one overtook another.
        chain = np.append(ends_here, False) | np.append(False, ends_here)
        gaps, planned = gaps[ends_here], np.diff(np.sort(scheduled[chain]))
        return HeadwayTruth(
            passages=int(((seen >= start) & (seen < start + HOUR)).sum()),
            headways=len(gaps),
            mean_headway_seconds=float(gaps.mean()) if len(gaps) else None,
            mean_scheduled_seconds=float(planned.mean()) if len(gaps) else None,
            excess_wait_seconds=_wait(gaps) - _wait(planned) if len(gaps) else None,
            bunched=int((gaps < BUNCHED_SHARE * planned.mean()).sum()) if len(gaps) else 0,
        )

    def passages(self, line: str, direction: int, stop: str, near: int) -> tuple[Ints, Ints]:
        """Times at which buses were seen and were scheduled at a stop, on the days around a time, in order."""
        known = self._lines[line]
        ranks = {known.stop_id(direction, n): n for n in range(known.stops)}
        seen, scheduled = self._days(line, direction, local_date(near).toordinal())
        seen, scheduled = seen[:, ranks[stop]], scheduled[:, ranks[stop]]
        order = np.argsort(seen, kind="stable")
        return seen[order], scheduled[order]

    def _around(self, line: str, direction: int, ordinal: int) -> tuple[Ints, Ints]:
        day = date.fromordinal(ordinal)
        runs = [self._lines[line].runs(direction, day + timedelta(days=n)) for n in (-1, 0, 1)]
        arrivals = np.concatenate([r.arrivals for r in runs])
        return -(-arrivals // self._step) * self._step, np.concatenate([r.scheduled for r in runs])


def _wait(headways: Ints | Floats) -> float:
    """Expected wait of a passenger who comes at random: half the mean headway and what irregularity adds."""
    return float((headways.astype(np.float64) ** 2).sum() / (2 * headways.sum()))
