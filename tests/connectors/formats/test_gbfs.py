from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.formats.gbfs import Options, decode, read_reference
from connectors.model import NO_REFERENCE, Reason
from tests.connectors.formats.sampling import both, payload

OPTIONS = Options(kind="gbfs")


def station(**more: Any) -> dict[str, Any]:
    return {"station_id": "1", "last_reported": 1782907200, "num_docks_available": 0, **more}


def document(version: Any, *stations: Any) -> bytes:
    return json.dumps({"version": version, "data": {"stations": stations}}).encode()


def read(body: bytes | str) -> Any:
    return both(decode(payload(body), OPTIONS, NO_REFERENCE))


def test_a_station_that_cannot_be_read_is_kept_the_same_at_each_poll() -> None:
    body = document("2.3", station(), {"station_id": "2"})
    polls = [body.replace(b"{", b'{"last_updated": %d, ' % time, 1) for time in (1782907200, 1782907260)]

    one, two = (read(poll)[1] for poll in polls)

    assert one == two
    assert [json.loads(r.payload) for r in one] == [{"version": "2.3", "data": {"stations": [{"station_id": "2"}]}}]


@pytest.mark.parametrize(
    ("version", "name", "time"),
    [
        ("2.0", "num_bikes_available", 1782907200),
        ("2.3", "num_bikes_available", 1782907200),
        ("3.0", "num_vehicles_available", "2026-07-01T14:00:00+02:00"),
        ("3.1-RC", "num_vehicles_available", "2026-07-01T12:00:00.000Z"),
    ],
)
def test_each_version_is_read_by_its_own_names(version: str, name: str, time: Any) -> None:
    records, rejected = read(document(version, station(**{name: 4, "last_reported": time})))

    assert [r.values for r in records] == [{"bikes_available": 4, "docks_available": 0}]
    assert records[0].observed_at.isoformat() == "2026-07-01T12:00:00+00:00"
    assert rejected == []


@pytest.mark.parametrize("version", [None, 3.0, "1.1", "4.0", ""])
def test_other_versions_are_unsupported(version: Any) -> None:
    assert [r.reason for r in read(document(version, station()))[1]] == [Reason.UNSUPPORTED]


@pytest.mark.parametrize(
    "body", ['{"version": "2.3"}', '{"version": "2.3", "data": {"bikes": []}}', '{"version": "3.0", "data": []}']
)
def test_other_files_of_gbfs_are_unsupported(body: str) -> None:
    assert [r.reason for r in read(body)[1]] == [Reason.UNSUPPORTED]


def test_a_station_that_never_reported_is_refused_alone() -> None:
    records, rejected = read(document("2.3", station(last_reported=0), 7, station(station_id="2")))

    assert [r.entity_id for r in records] == ["2"]
    assert [(r.reason, r.place) for r in rejected] == [
        (Reason.MISSING_FIELD, "data.stations[0]"),
        (Reason.WRONG_TYPE, "data.stations[1]"),
    ]


@pytest.mark.parametrize(
    ("name", "language", "expected"),
    [
        ("Place", "fr", "Place"),
        ([{"text": "Square", "language": "en"}, {"text": "Place", "language": "fr"}], "fr", "Place"),
        ([{"text": "Square", "language": "en"}], "fr", "Square"),
        (None, "fr", None),
    ],
)
def test_a_station_has_the_name_of_the_language(name: Any, language: str, expected: str | None) -> None:
    body = document("3.0", {"station_id": "1", "name": name, "lat": 43.6, "lon": 1.44, "capacity": 19})

    known = read_reference(payload(body), Options(kind="gbfs", language=language))["1"]

    assert known.get("name") == expected
    assert (known["capacity"], known["location"]) == (19, {"lat": 43.6, "lon": 1.44})
