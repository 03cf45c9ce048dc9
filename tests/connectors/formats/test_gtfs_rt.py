from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf import text_format
from google.transit.gtfs_realtime_pb2 import FeedMessage

from connectors.formats.gtfs_rt import Options, decode, read_reference
from connectors.model import NO_REFERENCE, Reason
from tests.connectors.formats.sampling import both, payload, zipped

OPTIONS = Options(kind="gtfs_rt")
AGENCY = "agency_name,agency_timezone\nx,Europe/Paris\n"
TRIPS = "route_id,service_id,trip_id,direction_id\nL1,s,T1,1\n"
STOPS = "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"


def feed(*vehicles: str, at: datetime = datetime(2026, 7, 1, 6, tzinfo=UTC), version: str = "2.0") -> bytes:
    text = f'header {{ gtfs_realtime_version: "{version}" timestamp: {int(at.timestamp())} }}'
    for number, vehicle in enumerate(vehicles):
        text += f'entity {{ id: "{number}" vehicle {{ {vehicle} }} }}'
    return text_format.Parse(text, FeedMessage()).SerializePartialToString()


def timetable(stops: str, **files: str) -> Any:
    texts = {"agency.txt": AGENCY, "trips.txt": TRIPS, "stop_times.txt": STOPS + stops}
    named = {f"{name}.txt": text for name, text in files.items()}
    return read_reference(payload(zipped({**texts, **named})), OPTIONS)


def values(vehicle: str, reference: Any, at: datetime = datetime(2026, 7, 1, 6, tzinfo=UTC)) -> dict[str, Any]:
    (record,), rejected = both(decode(payload(feed(vehicle, at=at)), OPTIONS, reference))
    assert rejected == []
    return record.values


def test_a_vehicle_without_timetable_keeps_what_it_says() -> None:
    found = values('trip { trip_id: "T1" route_id: "L9" direction_id: 0 } stop_id: "a"', NO_REFERENCE)

    assert found == {
        "trip_id": "T1",
        "line_id": "L9",
        "direction_id": 0,
        "stop_id": "a",
        "stop_status": "in_transit_to",
    }


def test_a_vehicle_at_no_stop_has_no_status() -> None:
    assert values('trip { trip_id: "T1" } current_status: STOPPED_AT', NO_REFERENCE) == {"trip_id": "T1"}


def test_the_timetable_says_line_direction_stop_and_time() -> None:
    found = values(
        'trip { trip_id: "T1" start_date: "20260701" } current_stop_sequence: 5', timetable("T1,08:00:00,,a,5\n")
    )

    assert found["scheduled_at"] == datetime(2026, 7, 1, 6, tzinfo=UTC)
    assert (found["line_id"], found["direction_id"], found["stop_id"], found["stop_sequence"]) == ("L1", 1, "a", 5)


def test_times_count_from_noon_minus_twelve_hours_when_the_clocks_change() -> None:
    known = timetable("T1,08:00:00,,a,1\n")
    vehicle = 'trip {{ trip_id: "T1" start_date: "{}" }} current_stop_sequence: 1'

    spring = values(vehicle.format("20260329"), known, datetime(2026, 3, 29, 6, tzinfo=UTC))
    winter = values(vehicle.format("20260328"), known, datetime(2026, 3, 28, 7, tzinfo=UTC))

    assert spring["scheduled_at"] == datetime(2026, 3, 29, 6, tzinfo=UTC)
    assert winter["scheduled_at"] == datetime(2026, 3, 28, 7, tzinfo=UTC)


@pytest.mark.parametrize("date", ["", "20269999", "tomorrow"])
def test_without_a_service_date_it_is_the_nearest(date: str) -> None:
    known = timetable("T1,25:30:00,,a,1\n")

    found = values(
        f'trip {{ trip_id: "T1" start_date: "{date}" }} stop_id: "a"', known, datetime(2026, 7, 1, 23, 40, tzinfo=UTC)
    )

    assert found["scheduled_at"] == datetime(2026, 7, 1, 23, 30, tzinfo=UTC)


def test_a_stop_served_twice_is_the_one_nearest_in_time() -> None:
    known = timetable("T1,08:00:00,,a,1\nT1,08:20:00,,b,2\nT1,08:40:00,,a,3\n")

    found = values('trip { trip_id: "T1" } stop_id: "a"', known, datetime(2026, 7, 1, 6, 35, tzinfo=UTC))

    assert (found["stop_sequence"], found["scheduled_at"]) == (3, datetime(2026, 7, 1, 6, 40, tzinfo=UTC))


def test_a_stop_without_a_time_has_none_but_is_known() -> None:
    found = values('trip { trip_id: "T1" } current_stop_sequence: 2', timetable("T1,08:00:00,,a,1\nT1,,,b,2\n"))

    assert (found["stop_id"], found.get("scheduled_at")) == ("b", None)


@pytest.mark.parametrize(("exact", "expected"), [("0", None), ("1", datetime(2026, 7, 1, 8, 10, tzinfo=UTC))])
def test_a_trip_with_a_headway_is_scheduled_where_its_starts_are(exact: str, expected: datetime | None) -> None:
    known = timetable(
        "T1,00:00:00,,a,1\nT1,00:10:00,,b,2\n",
        frequencies=f"trip_id,start_time,end_time,headway_secs, exact_times\nT1,06:00:00,22:00:00,600,{exact}\n",
    )
    trip = 'trip { trip_id: "T1" start_date: "20260701" start_time: "10:00:00" }'

    assert values(f"{trip} current_stop_sequence: 2", known).get("scheduled_at") == expected


def test_a_vehicle_of_no_time_or_place_is_refused_alone() -> None:
    body = feed(
        'vehicle { id: "a" } position { latitude: nan longitude: 1 }',
        'vehicle { id: "b" }',
        'vehicle { id: "c" } timestamp: 18446744073709551615',
    )

    records, rejected = both(decode(payload(body), OPTIONS, NO_REFERENCE))

    assert [r.entity_id for r in records] == ["b"]
    assert [(r.reason, r.place) for r in rejected] == [
        (Reason.WRONG_TYPE, "entity[0]"),
        (Reason.WRONG_TYPE, "entity[2]"),
    ]


def test_text_that_is_no_utf8_is_refused_alone() -> None:
    body = feed('vehicle { id: "name" }', 'vehicle { id: "b" }').replace(b"name", b"n\xffme")

    records, rejected = both(decode(payload(body), OPTIONS, NO_REFERENCE))

    assert [r.entity_id for r in records] == ["b"]
    assert [(r.reason, r.place) for r in rejected] == [(Reason.WRONG_TYPE, "entity[0]")]


def test_a_feed_without_any_time_is_refused() -> None:
    _, rejected = both(decode(payload(feed('vehicle { id: "a" }', at=datetime(1970, 1, 1, tzinfo=UTC))), OPTIONS, {}))

    assert [r.reason for r in rejected] == [Reason.MISSING_FIELD]


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"", Reason.MALFORMED), (b"<html>", Reason.MALFORMED), (feed(version="3.0"), Reason.UNSUPPORTED)],
)
def test_what_is_no_feed_is_refused_as_a_whole(body: bytes, reason: Reason) -> None:
    (rejected,) = both(decode(payload(body), OPTIONS, NO_REFERENCE))[1]

    assert (rejected.reason, rejected.payload) == (reason, body)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"agency.txt": AGENCY, "trips.txt": TRIPS}, "no item named 'stop_times.txt'"),
        ({"../agency.txt": AGENCY}, "a zip with the name '../agency.txt' in it"),
        ({"/agency.txt": AGENCY}, "a zip with the name"),
        ({f"{n}.txt": "" for n in range(201)}, "a zip of 201 files"),
        ({"stop_times.txt": b"0" * 30_000_000}, "a zip bomb"),
        ({"agency.txt": AGENCY.replace("Paris", "Pariss"), "trips.txt": TRIPS}, "no time zone 'Europe/Pariss'"),
        ({"agency.txt": b"\xff\xfe\x00"}, "utf-8"),
    ],
)
def test_a_zip_that_is_no_timetable_is_refused(files: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_reference(payload(zipped(files)), OPTIONS)


def test_bytes_that_are_no_zip_are_refused() -> None:
    with pytest.raises(ValueError, match="not a GTFS zip"):
        read_reference(payload(b"<html>"), OPTIONS)
