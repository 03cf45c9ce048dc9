"""Many counts at once, as a file beside those of the city; those of a late one are of windows that are closed."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from simulator.payloads.traffic_csv import HEADER

SEGMENTS, LATE_SEGMENTS, MINUTES = 2000, 200, 10
LATE_HOURS = (7, 40)  # beyond the six hours that the traffic's windows wait
PREFIX = "trafic-rafale-"  # read by the pattern of the feed
ENDING = "60;110;2;574000,00;6279000,00"


def drop(folder: Path, rng: Random, *, is_late: bool = False) -> Path:
    """Drop a file of 20,000 counts of the last minutes, or of 2,000 of some minutes long past."""
    end = datetime.now(UTC) - timedelta(hours=rng.uniform(*LATE_HOURS) if is_late else 0)
    number = rng.getrandbits(32)
    path = folder / f"{PREFIX}{number:08x}.csv.gz"
    text = "\r\n".join([HEADER, *_rows(rng, number, end, LATE_SEGMENTS if is_late else SEGMENTS)]) + "\r\n"
    part = path.with_name(path.name + ".part")
    part.write_bytes(gzip.compress(text.encode(), compresslevel=1))
    part.replace(path)
    return path


def _rows(rng: Random, number: int, end: datetime, segments: int) -> Iterator[str]:
    first = end.replace(second=0, microsecond=0) - timedelta(minutes=MINUTES)
    for minute in range(MINUTES):
        start = f"{first + timedelta(minutes=minute):%Y-%m-%dT%H:%M:%SZ}"
        for segment in range(segments):
            vehicles = rng.randrange(1, 40)
            speed, covered = f"{rng.randrange(20, 60)},{rng.randrange(10)}", f"{rng.randrange(40)},{rng.randrange(10)}"
            yield f"rafale-{number:08x}-{segment:04d};{start};60;{vehicles};{speed};{covered};{ENDING}"
