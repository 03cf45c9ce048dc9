"""The base map: cells, their outline, and the longest trip of each line."""

from __future__ import annotations

from typing import Any

import h3

from serving.basemap import longest_trips, outline

HOME = h3.latlng_to_cell(43.6045, 1.444, 8)


def stop(trip: str | None, sequence: int | None, line: str = "L1", lon: float = 1.4) -> dict[str, Any]:
    where = {"lat": 43.6, "lon": lon}
    return {
        "tenant": "t",
        "line_id": line,
        "direction_id": 0,
        "trip_id": trip,
        "stop_sequence": sequence,
        "location": where,
    }


def test_a_line_is_drawn_through_the_stops_of_its_longest_trip_in_their_order() -> None:
    stops = [stop("long", 2, lon=1.6), stop("short", 0), stop("long", 0, lon=1.4), stop("long", 1, lon=1.5)]
    [line] = longest_trips(stops)
    assert line["geometry"]["coordinates"] == [[1.4, 43.6], [1.5, 43.6], [1.6, 43.6]]
    assert line["properties"] == {"line_id": "L1"}


def test_stops_of_no_trip_and_lines_of_one_stop_are_left_out() -> None:
    assert longest_trips([stop(None, 0), stop("a", None), stop("b", 0, line="L2")]) == []


def test_the_outline_holds_every_cell_and_nothing_has_none() -> None:
    shape = outline(h3.grid_disk(HOME, 1))
    assert shape is not None
    assert shape["type"] == "Polygon"
    assert len(shape["coordinates"][0]) > 12
    assert outline([]) is None
