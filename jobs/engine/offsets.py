"""What a checkpoint says of its committed batches: from which offsets to which, under which watermark."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Batch:
    """A committed micro-batch of one Kafka source."""

    number: int
    starts: str  # JSON: offsets by topic and partition, as Spark's Kafka source reads and writes them
    ends: str
    watermark: datetime  # rows of windows that end before it were dropped
    planned_at: datetime


def committed(checkpoint: Path) -> list[int]:
    """Numbers of the committed batches that the checkpoint still knows, in order."""
    folder = checkpoint / "commits"
    return sorted(int(p.name) for p in folder.iterdir() if p.name.isdigit()) if folder.is_dir() else []


def batch(checkpoint: Path, number: int) -> Batch | None:
    """A batch; None for the first one and for those whose predecessor is no longer known.

    Spark judges rows by the watermark of the batch before, so that several stateful operators can follow one another.
    """
    try:
        before, own = _entry(checkpoint, number - 1), _entry(checkpoint, number)
    except FileNotFoundError:
        return None
    return Batch(number, before[1], own[1], _time(before[0]["batchWatermarkMs"]), _time(own[0]["batchTimestampMs"]))


def _entry(checkpoint: Path, number: int) -> tuple[dict[str, Any], str]:
    """Metadata and offsets of a batch: the second and third line of its file."""
    _, metadata, offsets = (checkpoint / "offsets" / str(number)).read_text(encoding="utf-8").splitlines()[:3]
    return json.loads(metadata), offsets


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
