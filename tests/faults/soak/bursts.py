"""Many counts at once, as a file beside those of the city."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from simulator.payloads.traffic_csv import HEADER

SEGMENTS, MINUTES = 2000, 10
PREFIX = "trafic-rafale-"  # read by the pattern of the feed
ENDING = "60;110;2;574000,00;6279000,00"


def drop(folder: Path, rng: Random) -> Path:
    """Drop a file of 20,000 counts of the last minutes."""
    number = rng.getrandbits(32)
    path = folder / f"{PREFIX}{number:08x}.csv.gz"
    text = "\r\n".join([HEADER, *_rows(rng, number, datetime.now(UTC))]) + "\r\n"
    part = path.with_name(path.name + ".part")
    part.write_bytes(gzip.compress(text.encode(), compresslevel=1))
    part.replace(path)
    return path


def _rows(rng: Random, number: int, now: datetime) -> Iterator[str]:
    first = now.replace(second=0, microsecond=0) - timedelta(minutes=MINUTES)
    for minute in range(MINUTES):
        start = f"{first + timedelta(minutes=minute):%Y-%m-%dT%H:%M:%SZ}"
        for segment in range(SEGMENTS):
            vehicles = rng.randrange(1, 40)
            speed, covered = f"{rng.randrange(20, 60)},{rng.randrange(10)}", f"{rng.randrange(40)},{rng.randrange(10)}"
            yield f"rafale-{number:08x}-{segment:04d};{start};60;{vehicles};{speed};{covered};{ENDING}"
