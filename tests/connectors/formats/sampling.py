"""Samples of formats: a folder each, with the payload, the options, a reference and what must come out of it."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import yaml
from google.protobuf import text_format
from google.transit.gtfs_realtime_pb2 import FeedMessage

from connectors.model import NO_REFERENCE, Payload, Record, Reference, Rejected

SAMPLES = Path(__file__).parent / "samples"
NOW = datetime(2026, 7, 1, 12, 20, tzinfo=UTC)


@dataclass(frozen=True)
class Sample:
    """One case of a format."""

    folder: Path

    @property
    def case(self) -> dict[str, Any]:
        return yaml.safe_load((self.folder / "case.yaml").read_text(encoding="utf-8"))

    @property
    def kind(self) -> str:
        return self.folder.parent.name

    @property
    def module(self) -> Any:
        return importlib.import_module(f"connectors.formats.{self.kind}")

    @property
    def options(self) -> Any:
        return self.module.Options.model_validate(self.case["options"])

    @property
    def payload(self) -> Payload:
        (path,) = self.folder.glob("payload.*")
        return payload(content(path), self.case["place"])

    @property
    def reference(self) -> Reference:
        declared = self.case.get("reference")
        if not declared:
            return NO_REFERENCE
        options = self.module.Options.model_validate(declared["options"])
        return self.module.read_reference(payload(content(self.folder / declared["file"])), options)

    @property
    def expected(self) -> dict[str, Any]:
        return json.loads((self.folder / "expected.json").read_text(encoding="utf-8"))

    def outcome(self) -> dict[str, Any]:
        """What comes out, as it stands in expected.json."""
        return as_json(self.module.decode(self.payload, self.options, self.reference))


def samples() -> list[Sample]:
    return [Sample(p.parent) for p in sorted(SAMPLES.glob("*/*/case.yaml"))]


def payload(body: bytes | str, place: str = "a place") -> Payload:
    return Payload(body.encode() if isinstance(body, str) else body, place, NOW)


def content(path: Path) -> bytes:
    """The bytes of a sample; those of binary formats are made from text."""
    if path.suffix == ".textproto":
        return text_format.Parse(path.read_text(encoding="utf-8"), FeedMessage()).SerializePartialToString()
    if path.is_dir():
        return zipped({p.name: p.read_bytes() for p in sorted(path.iterdir())})
    return path.read_bytes()


def zipped(files: dict[str, bytes | str]) -> bytes:
    buffer = BytesIO()
    with ZipFile(buffer, "w", compression=8) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return buffer.getvalue()


def as_json(items: Iterable[Record | Rejected]) -> dict[str, Any]:
    found: dict[str, Any] = {"records": [], "rejected": []}
    for item in items:
        if isinstance(item, Rejected):
            found["rejected"].append({"reason": item.reason.value, "place": item.place, "detail": item.detail})
        else:
            values = {n: v.isoformat() if isinstance(v, datetime) else v for n, v in sorted(item.values.items())}
            at = item.observed_at.isoformat()
            found["records"].append({"event": item.event, "entity_id": item.entity_id, "observed_at": at, **values})
    return found


def both(items: Iterable[Record | Rejected]) -> tuple[list[Record], list[Rejected]]:
    """The records and what was refused."""
    items = list(items)
    return [i for i in items if isinstance(i, Record)], [i for i in items if isinstance(i, Rejected)]
