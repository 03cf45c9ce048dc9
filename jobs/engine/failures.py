"""Why a query failed: from what Spark says to whether waiting can help."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from jobs.engine.refusal import Reason

MAX_TEXT = 1000


class Kind(StrEnum):
    """What a query waits for."""

    SINK = "sink"  # Elasticsearch refuses most of a batch: its mapping is to be mended
    BLOCKED = "blocked"  # an index takes no writes
    LOGIN = "login"
    KAFKA = "kafka"
    ELASTICSEARCH = "elasticsearch"  # the driver's own calls; its workers wait without a failure
    FAILURE = "failure"  # anything else
    STUCK = "stuck"  # the same failure of the same batch again and again


@dataclass(frozen=True)
class Failure:
    """One failure of a query."""

    kind: Kind
    text: str
    damage: Reason | None = None  # of the checkpoint; waiting would not help


# What Spark 4.1 says when files of its state are missing, cut off or overwritten: each was caused (docs/decisions).
DAMAGE = re.compile(
    r"CANNOT_LOAD_STATE_STORE\.CANNOT_READ"
    r"|CHECKPOINT_FILE_CHECKSUM_VERIFICATION_FAILED"
    r"|CANNOT_LOAD_STATE_STORE(?s:.)*(ChecksumException|EOFException|FileNotFoundException)"
    r"|CANNOT_LOAD_STATE_STORE(?s:.)*RocksDBException: (block checksum mismatch|Corruption)"
    r"|ChecksumException: Checksum error: file:\S*/(offsets|commits|sources|state)/"
    r"|Failed to read log file"
    r"|STATE_STORE_CHECKPOINT_LOCATION_NOT_EMPTY"
)
CHANGE = re.compile(r"STATE_STORE_\w+_NOT_COMPATIBLE|STATE_STORE_\w*SCHEMA\w*")
KINDS = (
    (Kind.SINK, re.compile(r"\bBrokenSinkError\b")),
    (Kind.BLOCKED, re.compile(r"\bBlockedSinkError\b")),
    (Kind.LOGIN, re.compile(r"\b(AuthenticationException|AuthorizationException)\b.*\b40[13]\b")),
    (Kind.KAFKA, re.compile(r"KafkaException|org\.apache\.kafka\.\S*(Exception|Error)|kafka\S*TimeoutException")),
    (Kind.ELASTICSEARCH, re.compile(r"^(elastic_transport|elasticsearch\.)\S*(Error|Timeout)\b")),
)
# The lines that say it; the rest is stacks.
TELLING = re.compile(r"^(?:Caused by: )?((?:[\w.]+\.)?(?:\w+(?:Error|Exception))\b.*|\[[A-Z_.]+\].*)$", re.MULTILINE)


def failure(text: str) -> Failure:
    """What a failure's text means."""
    said = summary(text)
    if DAMAGE.search(text):
        return Failure(Kind.FAILURE, said, Reason.DAMAGED)
    if CHANGE.search(text):
        return Failure(Kind.FAILURE, said, Reason.CHANGED)
    kind = next((kind for kind, pattern in KINDS if pattern.search(text)), Kind.FAILURE)
    return Failure(kind, said)


def summary(text: str) -> str:
    """The last telling line of a failure: Spark puts its cause at the end, below much else."""
    told = TELLING.findall(text)
    return (told[-1] if told else text.strip().split("\n", 1)[0])[:MAX_TEXT]


def signature(text: str) -> str:
    """A failure without the numbers and addresses that differ from time to time."""
    return re.sub(r"0x[0-9a-f]+|[0-9a-f]{8,}|\d+(\.\d+)?", "#", summary(text))
