"""Where a checkpoint stands in Kafka: Spark's files come in, and what Kafka no longer has goes out as a sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.kafka import Held

Offsets = Mapping[str, Mapping[int, int]]  # by topic and partition
VERSION = "v1"
SHUFFLE_PARTITIONS = "spark.sql.shuffle.partitions"


class DamagedError(ValueError):
    """A file of a checkpoint is missing or cannot be read; says which."""


@dataclass(frozen=True)
class Place:
    """How far a checkpoint is."""

    batch: int  # newest that was planned
    is_committed: bool
    read: Offsets  # what the next batch reads begins here
    planned: Offsets  # end of the newest batch


def place_of(checkpoint: Path, *, has_state: bool) -> Place | None:
    """How far a checkpoint is; None before its first batch.

    Raises:
        DamagedError: a file that Spark needs is missing or cannot be read.
    """
    offsets, commits = _numbers(checkpoint / "offsets"), _numbers(checkpoint / "commits")
    if not offsets and not commits and not (checkpoint / "state").exists():
        return None
    _metadata(checkpoint / "metadata")
    if not offsets:
        raise DamagedError("the folder offsets is empty")
    newest, committed = offsets[-1], commits[-1] if commits else -1
    if not newest - 1 <= committed <= newest:
        raise DamagedError(f"offsets go to batch {newest}, commits to {committed if commits else 'none'}")
    conf, planned = _offsets(checkpoint / "offsets" / str(newest))
    if commits:
        _json_line(checkpoint / "commits" / str(committed), 1)
        if has_state:
            _state(checkpoint / "state" / "0", int(conf.get(SHUFFLE_PARTITIONS, 1)))
    if committed == newest:
        return Place(newest, True, planned, planned)
    read = _offsets(checkpoint / "offsets" / str(newest - 1))[1] if newest else _first(checkpoint)
    return Place(newest, False, read, planned)


def remove_unfinished(checkpoint: Path) -> None:
    """Remove what a driver left that was killed as it wrote down its first batch: Spark begins in empty folders."""
    for folder in ("offsets", "commits"):
        for path in (checkpoint / folder).glob(".*"):
            path.unlink()


def lost_place(place: Place, kafka: Mapping[str, Held]) -> str | None:
    """What Kafka no longer has of what would be read next, counted by partition; None when all is there."""
    gone = {}
    for topic, partitions in place.read.items():
        for partition, offset in partitions.items():
            planned = max(offset, place.planned.get(topic, {}).get(partition, 0))
            end = kafka[topic].end.get(partition, 0) if topic in kafka else 0
            if end < planned:
                return (
                    f"it stands at record {planned} of {topic}/{partition}, and Kafka has {end}: "
                    "the topic is not the one it read"
                )
            if topic in kafka and offset < (first := kafka[topic].first.get(partition, 0)):
                gone[f"{topic}/{partition}"] = first - offset
    if not gone:
        return None
    parts = ", ".join(f"{count} of {name}" for name, count in gone.items())
    return f"{sum(gone.values())} records that it had not read are no longer in Kafka ({parts})"


def newest_batch(checkpoint: Path) -> int:
    """Number of the newest batch that was planned; -1 before the first."""
    return max(_numbers(checkpoint / "offsets"), default=-1)


def _numbers(folder: Path) -> list[int]:
    return sorted(int(p.name) for p in folder.iterdir() if p.name.isdecimal()) if folder.is_dir() else []


def _metadata(path: Path) -> None:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DamagedError("the file metadata is gone") from None
    except ValueError:
        raise DamagedError("the file metadata cannot be read") from None
    if not isinstance(known, dict) or not known.get("id"):
        raise DamagedError("the file metadata names no query")


def _offsets(path: Path) -> tuple[Mapping[str, Any], Offsets]:
    """Settings and offsets of a batch."""
    conf = _json_line(path, 1).get("conf", {})
    return conf, _by_partition(_json_line(path, 2), path)


def _first(checkpoint: Path) -> Offsets:
    """Where the first batch begins."""
    path = checkpoint / "sources" / "0" / "0"
    return _by_partition(_json_line(path, 1, b"\x00"), path)


def _by_partition(topics: Mapping[str, Any], path: Path) -> Offsets:
    try:
        found = {topic: {int(p): int(o) for p, o in partitions.items()} for topic, partitions in topics.items()}
    except (AttributeError, TypeError, ValueError):
        raise DamagedError(f"the file {_name(path)} has no offsets of topics") from None
    if not found or not all(found.values()):
        raise DamagedError(f"the file {_name(path)} has no partitions")
    return found


def _json_line(path: Path, number: int, head: bytes = b"") -> dict[str, Any]:
    """The object in a line of one of Spark's logs, of which the first line is the version."""
    try:
        lines = path.read_bytes().removeprefix(head).decode().splitlines()
    except FileNotFoundError:
        raise DamagedError(f"the file {_name(path)} is gone") from None
    except ValueError:
        raise DamagedError(f"the file {_name(path)} cannot be read") from None
    if not lines or lines[0].strip() != VERSION or len(lines) <= number:
        raise DamagedError(f"the file {_name(path)} is cut off")
    try:
        found = json.loads(lines[number])
    except ValueError:
        raise DamagedError(f"the file {_name(path)} cannot be read") from None
    if not isinstance(found, dict):
        raise DamagedError(f"the file {_name(path)} cannot be read")
    return found


def _state(folder: Path, partitions: int) -> None:
    if not folder.is_dir():
        raise DamagedError("the folder state is gone")
    for n in range(partitions):
        part = folder / str(n)
        if not part.is_dir() or not any(part.iterdir()):
            raise DamagedError(f"the folder state/0/{n} is gone or empty")


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
