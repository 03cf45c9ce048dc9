"""The files that a new feed or job needs, written once and then edited by hand; and what a feed's sample becomes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import Any

import yaml

from connectors.acceptance import Acceptance
from connectors.feed import Feed, FeedError, load_feed
from connectors.model import NO_REFERENCE, Payload, Reference, Rejected
from connectors.sources import format_of
from schemas import Kind, contract

NAME = re.compile(r"^[a-z0-9][a-z0-9_-]{0,127}$")
# A sample is taken in at this moment, so that what is expected of it never changes.
RECEIVED_AT = datetime(2035, 1, 1, tzinfo=UTC)
PLACEHOLDERS = {"GARONNE_SIMULATOR_URL": "http://127.0.0.1:1", "GARONNE_DROP_FOLDER": "drop"}
ONE_FIELD = {
    "weather_observed": {"temperature_celsius": {"from": "temperature", "unit": "Cel"}},
    "parking_observed": {"free_spaces": {"from": "free"}, "total_spaces": {"from": "total"}},
    "parking_spot_observed": {"status": {"from": "status"}},
    "traffic_flow_observed": {"intensity_vehicles": {"from": "vehicles"}, "period_seconds": {"from": "seconds"}},
    "vehicle_position": {"line_id": {"from": "line"}},
    "bike_station_observed": {"bikes_available": {"from": "bikes"}, "docks_available": {"from": "docks"}},
}
JOB_TEMPLATE = Template((Path(__file__).parent / "templates" / "job.py.txt").read_text(encoding="utf-8"))
JOB_TEST_TEMPLATE = Template((Path(__file__).parent / "templates" / "test_job.py.txt").read_text(encoding="utf-8"))
MAPPING = {"entity_id": {"from": "id"}, "observed_at": {"from": "time", "format": "iso"}}
TRANSPORTS: dict[str, dict[str, Any]] = {
    "http": {"kind": "http", "url": "https://data.example.org/records.json", "period_seconds": 60},
    "mqtt": {"kind": "mqtt", "topics": ["sensors/+/up"]},
    "files": {"kind": "files", "folder": "drop", "pattern": "*.json"},
}


def new_feed(project: Path, name: str, tenant: str, event: str, format_: str, transport: str) -> list[Path]:
    """Write a feed's YAML and an empty sample.

    Raises:
        FeedError: the name is none, or there is no such event, format or transport.
        FileExistsError: there is such a feed.
    """
    if not NAME.match(name):
        raise FeedError(f"{name!r} is no id of a feed: small letters, digits, - and _")
    if event not in ONE_FIELD or contract(event).kind is not Kind.EVENT:
        raise FeedError(f"no event {event!r}; there are {', '.join(ONE_FIELD)}")
    if transport not in TRANSPORTS:
        raise FeedError(f"no transport {transport!r}; there are {', '.join(TRANSPORTS)}")
    feed = {
        "tenant": tenant,
        "event": event,
        "title": f"{name}, to be described",
        "licence": "Licence Ouverte 2.0",
        "transport": TRANSPORTS[transport],
        "format": {"kind": format_, **_format_options(format_, event)},
    }
    path = project / "deploy" / "feeds" / tenant / f"{name}.yaml"
    sample = samples(project) / name / f"sample.{'csv' if format_.startswith('csv') else 'json'}"
    for p in (path, sample):
        p.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8") as out:
        out.write("# Options of transports and formats: docs/feeds.md\n")
        yaml.safe_dump(feed, out, sort_keys=False, allow_unicode=True)
    with sample.open("x", encoding="utf-8") as out:
        out.write(_sample(format_, event))
    load_feed(path)
    return [path, sample]


def new_job(project: Path, name: str, reads: str, result: str) -> list[Path]:
    """Write a job that counts an entity's observations by 5 minutes, and its test: both to be edited.

    Raises:
        FeedError: the name is none, or there is no such event or result.
        FileExistsError: there is such a job.
    """
    if not name.isidentifier():
        raise FeedError(f"{name!r} is no name of a module: small letters, digits and _")
    if contract(reads).kind is not Kind.EVENT or contract(result).kind is not Kind.RESULT:
        raise FeedError(f"a job reads an event and makes a result, not {reads} and {result}")
    words = {"name": name, "reads": reads, "result": result}
    files = {
        project / "jobs" / f"{name}.py": JOB_TEMPLATE,
        project / "tests" / "jobs" / f"test_{name}.py": JOB_TEST_TEMPLATE,
    }
    for path, template in files.items():
        with path.open("x", encoding="utf-8") as out:
            out.write(template.substitute(words))
    return list(files)


def samples(project: Path) -> Path:
    """Folder of the feeds' samples, one folder for each feed."""
    return project / "tests" / "feeds"


def write_expected(project: Path, name: str) -> Path:
    """Decode a feed's sample and write what became of it beside it.

    Raises:
        FeedError: there is no such feed or sample.
    """
    path = samples(project) / name / "expected.json"
    text = json.dumps(list(decoded(project, name)), indent=1, ensure_ascii=False, default=readable)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def decoded(project: Path, name: str) -> Iterator[dict[str, Any]]:
    """What a feed's sample becomes: events, and for what is rejected the reason and the place.

    Raises:
        FeedError: there is no such feed or sample.
    """
    feed = load_feed(feed_path(project, name), PLACEHOLDERS)
    accept = Acceptance(feed, contract(feed.event))
    payload = _payload(project, feed, "sample")
    for item in format_of(feed.format).decode(payload, feed.format, _reference(project, feed)):
        judged = item if isinstance(item, Rejected) else accept(item, payload.received_at)
        if isinstance(judged, Rejected):
            yield {"rejected": str(judged.reason), "place": judged.place}
        else:
            yield {k: v for k, v in judged.items() if v is not None and k != "ingested_at"}


def feed_path(project: Path, name: str) -> Path:
    """The YAML of a feed.

    Raises:
        FeedError: there is none, or more than one.
    """
    found = list((project / "deploy" / "feeds").rglob(f"{name}.yaml"))
    if len(found) != 1:
        raise FeedError(f"{len(found)} feeds are called {name!r}")
    return found[0]


def _reference(project: Path, feed: Feed) -> Reference:
    if feed.reference is None or not list((samples(project) / feed.id).glob("reference.*")):
        return NO_REFERENCE
    options = feed.reference.format
    return format_of(options).read_reference(_payload(project, feed, "reference"), options)


def _payload(project: Path, feed: Feed, stem: str) -> Payload:
    found = sorted((samples(project) / feed.id).glob(f"{stem}.*"))
    if not found:
        raise FeedError(f"feed {feed.id} has no tests/feeds/{feed.id}/{stem}.*: put a captured payload there")
    place = found[0].with_suffix(".place")
    where = place.read_text(encoding="utf-8").strip() if place.exists() else found[0].name
    return Payload(found[0].read_bytes(), where, RECEIVED_AT)


def _format_options(format_: str, event: str) -> dict[str, Any]:
    return {**MAPPING, "fields": ONE_FIELD[event]} if format_ in ("json_records", "csv_records") else {}


def _sample(format_: str, event: str) -> str:
    record = {"id": "a-1", "time": "2026-07-14T21:15:00Z"} | {f["from"]: 1 for f in ONE_FIELD[event].values()}
    if format_ == "csv_records":
        return ";".join(record) + "\n" + ";".join(map(str, record.values())) + "\n"
    return json.dumps([record], indent=1) + "\n"


def readable(value: object) -> str:
    """A value that JSON has no word for."""
    return value.isoformat() if isinstance(value, datetime) else str(value)
