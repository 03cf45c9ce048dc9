"""Checkpoints as Spark 4.1 leaves them, without Spark."""

from __future__ import annotations

import json
from pathlib import Path

from runtime.kafka import Held

TOPIC = "city.weather_observed.v1"


def spark_files(folder: Path, batches: int = 3, committed: int = 3, per_batch: int = 10) -> Path:
    """The files of a query that has planned and committed so many batches of one topic with two partitions."""
    for name in ("offsets", "commits", "sources/0"):
        (folder / name).mkdir(parents=True)
    (folder / "metadata").write_text('{"id":"b3034429-5bf9-4ec6-943d-eae8bee60636"}')
    (folder / "sources" / "0" / "0").write_bytes(b"\x00v1\n" + json.dumps({TOPIC: {"0": 0, "1": 0}}).encode())
    conf = json.dumps({"batchWatermarkMs": 0, "conf": {"spark.sql.shuffle.partitions": "2"}})
    for n in range(batches):
        end = per_batch * (n + 1)
        (folder / "offsets" / str(n)).write_text(f"v1\n{conf}\n{json.dumps({TOPIC: {'0': end, '1': end}})}")
    for n in range(committed):
        (folder / "commits" / str(n)).write_text('v1\n{"nextBatchWatermarkMs":0}')
    for part in ("0", "1"):
        (folder / "state" / "0" / part).mkdir(parents=True)
        (folder / "state" / "0" / part / "1.changelog").write_bytes(b"x")
    return folder


def kafka(first: int = 0, end: int = 30, topic_id: str = "a") -> dict[str, Held]:
    """What Kafka holds of that topic, the same in both partitions."""
    return {TOPIC: Held(topic_id, {0: first, 1: first}, {0: end, 1: end})}
