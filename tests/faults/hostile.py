"""Hostile payloads, and what each costs: ``python -m tests.faults.hostile`` decodes them all within limits and says so.

Each is decoded in this process, whose peak of memory is set back before it; a limit on its address space holds should
one of them explode.
"""

from __future__ import annotations

import gzip
import io
import json
import resource
import sys
import time
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors import formats
from connectors.feed import plugin
from connectors.model import Payload, Rejected

ADDRESS_SPACE_BYTES = 4_000_000_000
WEATHER = {
    "event": "weather_observed",
    "entity_id": "id",
    "observed_at": "at",
    "fields": {"temperature_celsius": "t"},
}
ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "x" * 100}">' for n in range(10))
HEADER = b"\x0a\x05\x0a\x032.0"  # of a GTFS-Realtime feed


@dataclass(frozen=True)
class Hostile:
    """A payload for a format, made when it is needed."""

    format: str
    made: Callable[[], bytes]
    options: Mapping[str, Any]
    is_reference: bool = False


def xml(text: str, encoding: str = "utf-8", declared: str | None = None) -> Hostile:
    body = f'<?xml version="1.0" encoding="{declared or encoding}"?>{text}'
    return Hostile("datex2_parking", lambda: body.encode(encoding), {})


def plain(format_: str, made: Callable[[], bytes]) -> Hostile:
    options = WEATHER if format_ in ("json_records", "csv_records", "opendatasoft", "chirpstack") else {}
    return Hostile(format_, made, options)


def archive(made: Callable[[], Iterable[tuple[str, bytes]]]) -> Hostile:
    def zipped() -> bytes:
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as z:
            for name, data in made():
                z.writestr(name, data)
        return whole.getvalue()

    return Hostile("gtfs_rt", zipped, {}, is_reference=True)


def utf7(text: str) -> str:
    return text.replace("<", "+ADw-").replace("!", "+ACE-").replace("&", "+ACY-")


BOMB = f"<!DOCTYPE d [{ENTITIES}]><d2LogicalModel>&e9;</d2LogicalModel>"
BOMB_IN_ATTRIBUTE = f'<!DOCTYPE d [{ENTITIES}]><d2LogicalModel a="&e9;"/>'
EXTERNAL = '<!DOCTYPE d [<!ENTITY e SYSTEM "file:///etc/passwd">]><d2LogicalModel>&e;</d2LogicalModel>'
EXTERNAL_DTD = '<!DOCTYPE d SYSTEM "http://127.0.0.1:1/d.dtd"><d2LogicalModel/>'
PARAMETER = '<!DOCTYPE d [<!ENTITY % e SYSTEM "http://127.0.0.1:1/e"> %e;]><d2LogicalModel/>'

CORPUS: dict[str, Hostile] = {
    "xml bomb": xml(BOMB),
    "xml bomb in an attribute": xml(BOMB_IN_ATTRIBUTE),
    "xml bomb in utf-16": xml(BOMB, "utf-16"),
    "xml bomb in utf-32": xml(BOMB_IN_ATTRIBUTE, "utf-32"),
    "xml bomb in utf-7": xml(utf7(BOMB), "ascii", "UTF-7"),
    "xml bomb in ebcdic": xml(BOMB, "cp037"),
    "external entity": xml(EXTERNAL),
    "external entity in utf-16": xml(EXTERNAL, "utf-16"),
    "external document type": xml(EXTERNAL_DTD),
    "external parameter entity": xml(PARAMETER),
    "xml of a hundred thousand levels": plain("datex2_parking", lambda: b"<a>" * 100_000 + b"</a>" * 100_000),
    "xml of millions of elements": plain("datex2_parking", lambda: b"<a>" + b"<a/>" * 10_000_000 + b"</a>"),
    "xml of a million attributes": plain(
        "datex2_parking", lambda: b"<a " + b" ".join(b'a%d=""' % n for n in range(1_100_000)) + b"/>"
    ),
    "xml of one endless text": plain("datex2_parking", lambda: b"<a>" + b"x" * 40_000_000 + b"</a>"),
    "xml with nul": plain("datex2_parking", lambda: b"<d2LogicalModel>\0</d2LogicalModel>"),
    **{
        f"{what} as {format_}": plain(format_, made)
        for format_ in ("json_records", "opendatasoft", "gbfs", "chirpstack")
        for what, made in {
            "a hundred thousand lists": lambda: b"[" * 100_000 + b"]" * 100_000,
            "a hundred thousand objects": lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
            "millions of values": lambda: b"[" + b"[]," * 10_000_000 + b"[]]",
            "a number of five million digits": lambda: b'[{"id":"a","at":' + b"9" * 5_000_000 + b"}]",
            "a number beyond all doubles": lambda: b'[{"id":"a","at":1e999999999}]',
            "nul bytes": lambda: b"\0" * 1_000_000,
            "gzip bomb": lambda: gzip.compress(b"[" * 100_000_000, 9),
            "half a gzip": lambda: gzip.compress(b"[1]" * 100_000)[:-10],
        }.items()
    },
    **{
        f"{what} as csv_records": plain("csv_records", made)
        for what, made in {
            "millions of lines": lambda: b"id;at;t\n" + b"\n" * 10_000_000,
            "millions of cells": lambda: b"id;at;t\n" + b";" * 10_000_000,
            "millions of columns": lambda: b";" * 10_000_000,
            "an endless quote": lambda: b'id;at;t\n"' + b'""' * 10_000_000,
            "gzip bomb": lambda: gzip.compress(b"id;at;t\n" + b"\0" * 100_000_000, 9),
            "nul bytes": lambda: b"id;at;t\n" + b"\0" * 1_000_000,
        }.items()
    },
    "gzip bomb as gtfs_rt": plain("gtfs_rt", lambda: gzip.compress(HEADER + b"\x12\0" * 50_000_000, 9)),
    "millions of entities": plain("gtfs_rt", lambda: HEADER + b"\x12\0" * 10_000_000),
    "one entity of millions": plain("gtfs_rt", lambda: HEADER + b"\x12\xfe\xff\x7f" + b"\x2a\0" * 1_048_575),
    "protobuf groups": plain("gtfs_rt", lambda: b"\x0b" * 1_000_000),
    "a length beyond the end": plain("gtfs_rt", lambda: b"\x0a\xff\xff\xff\xff\x0f"),
    "zip bomb": archive(lambda: [("stop_times.txt", b"\0" * 100_000_000)]),
    "zip of a hundred thousand files": archive(lambda: ((f"f{n}", b"") for n in range(100_000))),
    "zip slip": archive(lambda: [("../../etc/cron.d/job", b"x")]),
    "zip slip by a whole path": archive(lambda: [("/etc/cron.d/job", b"x")]),
    "zip slip of Windows": archive(lambda: [("..\\..\\job", b"x"), ("C:/job", b"x")]),
}


def main() -> None:
    """Decode each, and say what became of it and what it cost: one JSON object on a line."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    for name, case in CORPUS.items():
        module = plugin(formats, case.format)
        options = module.Options.model_validate({"kind": case.format, **case.options})
        payload = Payload(case.made(), "application/1/device/2/event/up", datetime.now(UTC))
        before, started = _reset_peak(), time.process_time()
        outcome = _referred(module, payload, options) if case.is_reference else _decoded(module, payload, options)
        cost = {"seconds": time.process_time() - started, "peak_mb": (_memory("VmHWM") - before) / 1000}
        sys.stdout.write(json.dumps({"name": name, "outcome": outcome, **cost}) + "\n")


def _decoded(module: Any, payload: Payload, options: Any) -> list[str]:
    """What the payload became: reasons of what was rejected, ``record`` for what was not."""
    found = module.decode(payload, options, {})
    return [item.reason if isinstance(item, Rejected) else "record" for item in found]


def _referred(module: Any, payload: Payload, options: Any) -> list[str]:
    try:
        module.read_reference(payload, options)
    except ValueError:
        return ["refused"]
    return ["read"]


def _reset_peak() -> int:
    """Begin the peak of this process's memory anew; kilobytes in use."""
    Path("/proc/self/clear_refs").write_text("5")
    return _memory("VmRSS")


def _memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    main()
