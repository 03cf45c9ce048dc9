"""Traffic counts dropped as files, one for some minutes of all road segments."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from simulator.chance import Ints
from simulator.payloads.traffic_csv import TrafficFiles
from simulator.source import Snapshots
from simulator.traffic import Traffic


class TrafficDrops(Snapshots):
    """The files of the road segments; a step is a file and holds the periods that start within it."""

    name = "traffic"
    event = "traffic_flow_observed"
    content_type = "text/csv"

    def __init__(self, traffic: Traffic) -> None:
        self.period = traffic.file_seconds
        self._traffic = traffic
        self._files = TrafficFiles(traffic)
        self._rows = np.tile(traffic.numbers, traffic.file_seconds // traffic.step)

    def entities(self, time: int) -> Ints:  # noqa: ARG002 - every segment is in every file
        """The segment of each row."""
        # Rows of one segment in a file differ by their time alone, so the row stands for the entity.
        return np.arange(len(self._rows))

    def payload(self, time: int, twice: Ints, broken: Ints) -> bytes:
        """A gz file of CSV."""
        times = np.arange(time, time + self.period, self._traffic.step)
        return self._files.content(times, self._traffic.states(times), twice, broken)

    @staticmethod
    def file_name(time: int) -> str:
        """Name of the file of a step; names sort by time."""
        return f"trafic-{datetime.fromtimestamp(time, UTC):%Y%m%dT%H%M%SZ}.csv.gz"
