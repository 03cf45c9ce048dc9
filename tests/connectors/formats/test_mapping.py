from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.formats._errors import ReadError
from connectors.formats._mapping import Mapped
from connectors.model import Payload, Reason, Record
from tests.connectors.formats.sampling import payload

AT = datetime(2026, 7, 1, 12, tzinfo=UTC)
ROW = {"id": 14.0, "at": "2026-07-01T12:00:00Z"}


def mapped(event: str = "weather_observed", **declared: Any) -> Mapped:
    base = {"kind": "test", "event": event, "entity_id": "id", "observed_at": "at"}
    return Mapped.model_validate({**base, **declared})


def read(row: Any, where: Payload | None = None, reference: Any = None, **declared: Any) -> Record:
    return mapped(**declared).json_reader.record({**ROW, **row}, None, where or payload(""), reference or {})


def value(raw: Any, declared: Any, field: str = "temperature_celsius", event: str = "weather_observed") -> Any:
    return read({"v": raw}, event=event, fields={field: declared}).values.get(field)


def reason(raw: Any, declared: Any, field: str = "temperature_celsius", event: str = "weather_observed") -> Reason:
    with pytest.raises(ReadError) as caught:
        value(raw, declared, field, event)
    assert caught.value.detail.startswith(f"{field}: ")
    return caught.value.reason


def test_a_record_has_its_key_and_leaves_out_what_is_unknown() -> None:
    found = read({"t": 0, "h": None, "r": " "}, fields={"temperature_celsius": "t", "relative_humidity_ratio": "h"})

    assert found == Record("weather_observed", "14", AT, {"temperature_celsius": 0.0})


@pytest.mark.parametrize(
    ("raw", "declared", "expected"),
    [
        ("21,5", {"from": "v", "decimal": ","}, 21.5),
        ("1\u202f021,5", {"from": "v", "decimal": ",", "scale": 0.01}, 10.215),
        ("", {"from": "v"}, None),
        (-999, {"from": "v", "null_values": [-999]}, None),
        ("-999", {"from": "v", "null_values": [-999]}, None),
        (-2147483648, {"from": "v", "null_below": -100}, None),
        (None, {"from": "v", "default": 3}, 3.0),
        ("", {"from": "v", "default": 3}, 3.0),
        (25, {"from": "v", "scale": "175/65535", "add": -45}, 25 * 175 / 65535 - 45),
        ("froid", {"from": "v", "values": {"froid": -5, "*": None}}, -5.0),
        ("autre", {"from": "v", "values": {"froid": -5, "*": None}}, None),
        (12, {"from": "v", "values": {"froid": -5}}, 12.0),
        (7, {"from": ["absent", "v"]}, 7.0),
    ],
)
def test_numbers_are_read_as_declared(raw: Any, declared: Any, expected: float | None) -> None:
    assert value(raw, declared) == (None if expected is None else pytest.approx(expected, rel=1e-12))


@pytest.mark.parametrize("raw", [True, [1], {"a": 1}, "12 C", "1_000", "nan", "inf", float("nan"), "1e999"])
def test_what_is_no_number_is_refused(raw: Any) -> None:
    assert reason(raw, "v") == Reason.WRONG_TYPE


def test_the_cases_of_a_rule_are_tried_in_order() -> None:
    pressure = {"from": "v", "cases": [{"below": 300, "add": 900}, {"below": 2000}, {"below": 200_000, "unit": "Pa"}]}

    found = [value(v, pressure, "atmospheric_pressure_hpa") for v in (94, 994, 99400)]

    assert found == [994.0, 994.0, 994.0]
    assert reason(300_000, pressure, "atmospheric_pressure_hpa") == Reason.OUT_OF_RANGE


@pytest.mark.parametrize(("raw", "expected"), [(12, 12), ("12", 12), (12.0, 12), ("12.0", 12)])
def test_whole_numbers_stay_whole(raw: Any, expected: int) -> None:
    found = value(raw, "v", "capacity", "bike_station_observed")

    assert found == expected
    assert type(found) is int


@pytest.mark.parametrize(("raw", "expected"), [(12.5, Reason.WRONG_TYPE), (2**31, Reason.OUT_OF_RANGE)])
def test_what_is_no_whole_number_of_the_type_is_refused(raw: Any, expected: Reason) -> None:
    assert reason(raw, "v", "capacity", "bike_station_observed") == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [(True, True), (0, False), ("T", True), ("oui", True), ("FALSE", False), ("", None), (None, None)],
)
def test_yes_and_no_are_read_in_their_usual_forms(raw: Any, expected: bool | None) -> None:
    assert value(raw, "v", "is_renting", "bike_station_observed") is expected


def test_a_word_the_contract_does_not_list_is_refused_by_name() -> None:
    assert reason("Z", "v", "local_climate_zone") == Reason.UNKNOWN_VALUE
    assert value(2, "v", "local_climate_zone") == "2"


def test_seconds_before_an_observation_become_the_time_they_point_at() -> None:
    declared = {"status": "s", "status_since": {"from": "n", "format": "seconds_before", "unit": "min"}}

    found = read({"s": "free", "n": 90}, event="parking_spot_observed", fields=declared)

    assert found.values["status_since"] == AT - timedelta(minutes=90)


def test_a_past_beyond_all_time_is_refused() -> None:
    declared = {"status": "s", "status_since": {"from": "n", "format": "seconds_before"}}

    with pytest.raises(ReadError) as caught:
        read({"s": "free", "n": 1e300}, event="parking_spot_observed", fields=declared)

    assert caught.value.reason == Reason.OUT_OF_RANGE


def test_a_required_field_that_is_mapped_must_be_there() -> None:
    assert reason(None, "v", "status", "parking_spot_observed") == Reason.MISSING_FIELD


def test_a_required_field_that_is_not_mapped_is_left_to_the_feeds_defaults() -> None:
    assert read({}, event="parking_spot_observed").values == {}


def test_the_reference_fills_what_the_record_lacks() -> None:
    known = {"14": {"elevation_m": 150.0, "temperature_celsius": 99.0}}

    found = read({"t": 20}, reference=known, fields={"temperature_celsius": "t"})

    assert found.values == {"elevation_m": 150.0, "temperature_celsius": 20.0}
    assert known["14"]["temperature_celsius"] == 99.0


def test_an_entity_can_stand_in_the_address() -> None:
    entity = {"place": r"stations/0*(\d+)", "prefix": "s"}

    assert read({}, payload("", "https://x.example/stations/007/records"), entity_id=entity).entity_id == "s7"
    with pytest.raises(ReadError, match="entity_id: not found in"):
        read({}, payload("", "https://x.example/"), entity_id=entity)


@pytest.mark.parametrize("identifier", [None, "", "  ", [], True])
def test_a_record_of_nobody_is_refused(identifier: Any) -> None:
    with pytest.raises(ReadError, match="entity_id"):
        read({"id": identifier})


@pytest.mark.parametrize("time", [None, "", 0, "soon", 5, "9999-99-99", ["2026"]])
def test_a_record_of_no_time_is_refused(time: Any) -> None:
    with pytest.raises(ReadError, match="observed_at"):
        read({"at": time})


@pytest.mark.parametrize(
    ("location", "row", "expected"),
    [
        ({"lat": "a", "lon": "b"}, {"a": "43.6", "b": 1.44}, (43.6, 1.44)),
        ({"lat": "a", "lon": "b"}, {"a": 43.6}, None),
        ({"pair": "p"}, {"p": "43.6, 1.44"}, (43.6, 1.44)),
        ({"pair": "p", "order": "lon,lat"}, {"p": [1.44, 43.6]}, (43.6, 1.44)),
        ({"point": "p"}, {"p": {"type": "Point", "coordinates": [1.44, 43.6, 150]}}, (43.6, 1.44)),
        ({"point": "p"}, {"p": {"lon": 1.44, "lat": 43.6}}, (43.6, 1.44)),
        ({"point": "p"}, {"p": "POINT (1.44 43.6)"}, (43.6, 1.44)),
        ({"point": "p"}, {"p": None}, None),
        ({"x": "x", "y": "y", "crs": "EPSG:2154"}, {"x": 700000, "y": 6600000}, (46.5, 3.0)),
        ({"point": "p", "crs": "EPSG:2154"}, {"p": {"type": "Point", "coordinates": [700000, 6600000]}}, (46.5, 3.0)),
    ],
)
def test_places_are_read_in_the_ways_there_are(location: Any, row: Any, expected: tuple[float, float] | None) -> None:
    place = read(row, location=location).values.get("location")

    assert place == (None if expected is None else {"lat": expected[0], "lon": expected[1]})


@pytest.mark.parametrize("raw", ["ici", [1, 2], {"type": "Polygon", "coordinates": [[1, 2]]}, 12])
def test_what_is_no_place_is_refused(raw: Any) -> None:
    with pytest.raises(ReadError, match="location: "):
        read({"p": raw}, location={"point": "p"})


@pytest.mark.parametrize(("x", "y"), [(1.44, 43.6), (6600000, 700000), (1e30, 1e30)])
def test_a_point_outside_of_its_reference_systems_area_is_refused(x: float, y: float) -> None:
    with pytest.raises(ReadError, match="is not in the area of EPSG:2154"):
        read({"x": x, "y": y}, location={"x": "x", "y": "y", "crs": "EPSG:2154"})


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        ({"fields": {"temp": "t"}}, "has no field 'temp' to map; there are temperature_celsius"),
        ({"fields": {"observed_at": "t"}}, "has no field 'observed_at' to map"),
        ({"fields": {"temperature_celsius": {"from": "t", "unit": "Pa"}}}, "there are Cel, degF, K"),
        ({"fields": {"is_rural_reference": {"from": "t", "values": {"x": "perhaps"}}}}, "neither true nor false"),
        ({"fields": {"temperature_celsius": {"from": "t", "unite": "K"}}}, "unite"),
        ({"fields": {"temperature_celsius": {"from": "a..b"}}}, "is not a path"),
        ({"fields": {"temperature_celsius": {"from": "t", "scale": "1/0"}}}, "needs a number"),
        ({"constants": {"local_climate_zone": "Z"}}, "local_climate_zone: 'Z' is not one of"),
        ({"event": "weather"}, "no contract 'weather'; there are"),
        ({"entity_id": {"prefix": "x"}}, "needs either 'from' or 'place'"),
        ({"entity_id": {"place": "no group"}}, "needs one group"),
        ({"observed_at": {"from": "t", "format": "rfc"}}, "no time format 'rfc'"),
        ({"location": {"lat": "a"}}, "needs lat and lon, or x and y, or point, or pair"),
        ({"location": {"lat": "a", "lon": "b", "crs": "EPSG:9999999"}}, "is not like EPSG:2154"),
        ({"location": {"x": "a", "y": "b", "crs": "EPSG:1"}}, "is not like EPSG:2154"),
        ({"location": {"x": "a", "y": "b", "crs": "EPSG:99999"}}, "is unknown"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused_when_it_is_loaded(declared: Any, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        mapped(**declared)


def test_seconds_before_need_a_time_to_count_from() -> None:
    fields = {"status_since": {"from": "n", "format": "seconds_before"}}

    with pytest.raises(ValidationError, match="seconds_before needs observed_at"):
        mapped(event="parking_spot_observed", observed_at=None, fields=fields)


def test_options_can_be_written_and_read_again() -> None:
    first = mapped(fields={"temperature_celsius": {"from": "t", "scale": 0.1, "unit": "degF"}}, location={"pair": "p"})

    assert Mapped.model_validate_json(first.model_dump_json(by_alias=True)) == first
