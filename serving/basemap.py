"""A small base map from the platform's own data, so that a map needs no other server: cells, their outline, lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import h3

from serving.access.view import View
from serving.queries.bodies import Order
from serving.queries.conditions import Compare, Everything
from serving.queries.measures import Grouping, Measure
from serving.queries.reader import MAX_SIZE, Reader

Feature = dict[str, Any]
Documents = Iterable[Mapping[str, Any]]
DIGITS = 5  # of a degree: about a metre
CELLS = {"entity_id", "h3_resolution"}
TRIPS = ("tenant", "line_id", "direction_id", "trip_id", "stop_sequence", "location")
SERVED = Compare("stop_status", "=", "stopped_at")
COUNT = (Measure("count", "count"),)


def basemap(reader: Reader, views: Iterable[View]) -> dict[str, Any]:
    """What the datasets of a caller say of the city's shape, as GeoJSON."""
    cells: set[str] = set()
    lines: list[Feature] = []
    for view in views:
        if view.fields.keys() >= CELLS:
            found = reader.groups(view, Everything(), [Grouping("entity_id", "entity_id")], COUNT)
            cells |= {row["entity_id"] for row in found if h3.is_valid_cell(row["entity_id"] or "")}
        if not view.dataset.is_latest and view.fields.keys() >= {*TRIPS, SERVED.field}:
            newest = [Order(view.dataset.contract.time, is_descending=True)]
            lines += longest_trips(reader.some(view, SERVED, TRIPS, newest, 0, MAX_SIZE)[1])
    return {
        "area": outline(cells),
        "cells": _collection([_cell(c) for c in sorted(cells)]),
        "lines": _collection(lines),
    }


def outline(cells: Iterable[str]) -> dict[str, Any] | None:
    """The area that cells cover together; None without any."""
    every = list(cells)
    return dict(h3.cells_to_geo(every)) if every else None


def longest_trips(stops: Documents) -> list[Feature]:
    """A line for each line and direction: the stops, in their order, of the trip that served most of them."""
    trips: dict[tuple[str, str, Any], dict[str, dict[int, list[float]]]] = defaultdict(lambda: defaultdict(dict))
    for stop in stops:
        if stop["line_id"] is None or stop["trip_id"] is None or stop["stop_sequence"] is None or not stop["location"]:
            continue
        line = (stop["tenant"], stop["line_id"], stop["direction_id"])
        trips[line][stop["trip_id"]][stop["stop_sequence"]] = _point(stop["location"]["lon"], stop["location"]["lat"])
    found = {line: max(of_line.values(), key=len) for line, of_line in trips.items()}
    return [
        _feature({"type": "LineString", "coordinates": [where for _, where in sorted(stops_of.items())]}, line_id=name)
        for (_, name, __), stops_of in sorted(found.items(), key=lambda item: str(item[0]))
        if len(stops_of) > 1
    ]


def _cell(cell: str) -> Feature:
    ring = [_point(lon, lat) for lat, lon in h3.cell_to_boundary(cell)]
    return _feature({"type": "Polygon", "coordinates": [[*ring, ring[0]]]}, entity_id=cell)


def _point(lon: float, lat: float) -> list[float]:
    return [round(lon, DIGITS), round(lat, DIGITS)]


def _feature(geometry: dict[str, Any], **properties: str) -> Feature:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _collection(features: Sequence[Feature]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}
