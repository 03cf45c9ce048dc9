"""The map of an hour against a city whose heat field is known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import h3
import numpy as np
import pytest

from jobs.heat_island_map import cell_hours
from jobs.indicators import interpolation_cells
from jobs.indicators.heat_hours import network_hour
from jobs.indicators.heat_maps import HeatMap, heat_map
from jobs.indicators.heat_observations import Observations
from jobs.indicators.interpolation import Method
from jobs.indicators.interpolation_cells import cells_around

Event = dict[str, Any]
City = Callable[..., list[Event]]
Observe = Callable[[list[Event]], Observations]
EVENING = datetime(2026, 7, 14, 20, tzinfo=UTC)
START = int(EVENING.timestamp()) * 1_000_000


@pytest.fixture
def mapped(observe: Observe) -> Callable[[list[Event]], HeatMap]:
    def made(events: list[Event]) -> HeatMap:
        observed = observe(events)
        return heat_map(observed, network_hour(observed, START))

    return made


Mapped = Callable[[list[Event]], HeatMap]


def plane(cells: interpolation_cells.Cells) -> tuple[np.ndarray, np.ndarray]:
    north = (cells.latitude - 43.6045) * 111.195
    return (cells.longitude - 1.4440) * 111.195 * np.cos(np.radians(43.6045)), north


def test_the_map_is_the_known_field_between_the_stations(
    make_city: City, mapped: Mapped, truth: Callable[[float, float, datetime], float]
) -> None:
    made = mapped(make_city(stations=60))
    times = [EVENING + timedelta(minutes=15 * i) for i in range(4)]
    expected = np.array([np.mean([truth(e, n, t) for t in times]) for e, n in zip(*plane(made.cells), strict=True)])
    near = (made.flags == 0) & (made.nearest_station_m < 1500)
    assert near.sum() > 100
    assert np.sqrt(np.mean((made.intensity_celsius - expected)[near] ** 2)) < 0.15
    assert made.method is Method.ORDINARY_KRIGING
    assert made.coverage_ratio == 1.0
    assert made.stations_count == 60
    assert made.observations_count == 240


def test_temperature_is_that_at_the_references_height(make_city: City, mapped: Mapped) -> None:
    made = mapped(make_city(stations=60))
    rural = 23 + 7 * np.mean([np.cos((20 + q / 4 - 15) / 24 * 2 * np.pi) for q in range(4)]) - 0.0065 * 100
    np.testing.assert_allclose(made.temperature_celsius - made.intensity_celsius, rural, atol=2e-4)


def test_cells_beyond_the_stations_are_extrapolated(make_city: City, observe: Observe) -> None:
    columns = cell_hours(observe(make_city()), START - 3_600_000_000)
    extrapolated = np.array([f == ("extrapolated",) for f in columns["flags"]])
    assert extrapolated.any()
    assert not extrapolated.all()
    error = columns["standard_error_celsius"]
    assert error[extrapolated].mean() > error[~extrapolated].mean()


def test_a_station_that_is_left_out_keeps_its_cells(make_city: City, mapped: Mapped) -> None:
    events = make_city()
    whole = mapped(events)
    for event in events:
        if event["entity_id"] == "station-000":
            event["temperature_celsius"] += 20
    made = mapped(events)
    assert made.cells.ids == whole.cells.ids
    assert made.stations_count == 39
    assert made.coverage_ratio == 39 / 40
    assert made.nearest_station_m.max() >= whole.nearest_station_m.max()


def test_one_more_station_only_adds_cells(make_city: City, mapped: Mapped) -> None:
    events = make_city()
    seen: set[str] = set()
    for count in range(1, 41):
        cells = set(mapped(events[: count * 4]).cells.ids)
        assert seen <= cells
        seen = cells


def test_a_station_in_another_city_does_not_touch_the_field(make_city: City, mapped: Mapped) -> None:
    events = make_city()
    whole = mapped(events)
    stray = [
        e | {"entity_id": "stray", "location": {"lat": 0.0, "lon": 0.0}}
        for e in events
        if e["entity_id"] == "station-000"
    ]
    made = mapped(events + stray)
    values = dict(zip(made.cells.ids, made.intensity_celsius.tolist(), strict=True))
    kept = np.array([values[cell] for cell in whole.cells.ids])
    np.testing.assert_allclose(kept, whole.intensity_celsius, atol=2e-4)
    assert made.stations_count == 40


def test_few_stations_make_a_map_without_error(make_city: City, mapped: Mapped) -> None:
    made = mapped(make_city(stations=5, references=1))
    assert made.method is Method.INVERSE_DISTANCE
    assert np.isfinite(made.intensity_celsius).all()
    assert np.isnan(made.standard_error_celsius).all()


def test_a_network_without_temperatures_has_cells_without_figures(make_city: City, mapped: Mapped) -> None:
    made = mapped([e | {"temperature_celsius": None} for e in make_city()])
    assert made.method is Method.NONE
    assert len(made.cells.ids) > 100
    assert np.isnan(made.temperature_celsius).all()
    assert np.isnan(made.nearest_station_m).all()


def test_a_network_without_places_has_no_map(make_city: City, mapped: Mapped) -> None:
    assert mapped([e | {"location": None} for e in make_city()]).cells.ids == ()


def test_cells_are_those_within_three_rings() -> None:
    home = h3.latlng_to_cell(43.6, 1.44, 8)
    assert set(cells_around(np.array([43.6]), np.array([1.44])).ids) == set(h3.grid_disk(home, 3))


def test_scattered_stations_make_smaller_rings_and_not_more_cells() -> None:
    latitude, longitude = (g.ravel() for g in np.meshgrid(np.linspace(43, 44, 20), np.linspace(1, 2, 20)))
    cells = cells_around(latitude, longitude)
    assert 400 <= len(cells.ids) <= interpolation_cells.MOST_CELLS
