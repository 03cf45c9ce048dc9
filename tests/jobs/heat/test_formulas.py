"""Humidex, height, reference, tropical night."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from jobs.indicators import heat
from jobs.indicators.heat_observations import UNKNOWN, ZONES

NAN = np.nan


@pytest.mark.parametrize(
    ("temperature", "humidity", "expected"), [(30.0, 0.5, 36.2), (20.0, 0.3, 18.3), (0.0, 0.0, -5.6)]
)
def test_humidex_of_known_air(temperature: float, humidity: float, expected: float) -> None:
    assert heat.humidex(np.array([temperature]), np.array([humidity]))[0] == pytest.approx(expected, abs=0.05)


def test_humidex_agrees_with_the_published_table(shared_data: Path) -> None:
    table = json.loads((shared_data / "thermal_comfort" / "ts_humidex.json").read_text(encoding="utf-8"))
    cases = [
        (c["inputs"]["tdb"], c["inputs"]["rh"] / 100, c["outputs"]["humidex"])
        for c in table["data"]
        if c["inputs"].get("model", "rana") == "rana"
    ]
    temperature, humidity, expected = np.array(cases, dtype=np.float64).T
    assert len(cases) > 5
    np.testing.assert_allclose(heat.humidex(temperature, humidity), expected, atol=0.1)


def test_height_is_corrected_by_six_and_a_half_degrees_a_kilometre() -> None:
    brought = heat.at_height(np.array([20.0, 20.0, NAN]), np.array([1150.0, NAN, 150.0]), 150.0)
    np.testing.assert_allclose(brought, [26.5, 20.0, NAN])


def test_reference_is_the_mean_of_all_stations_brought_to_each_height() -> None:
    reference = heat.reference_at(np.array([20.0, 18.0]), np.array([100.0, 300.0]), np.array([100.0, 300.0, NAN]))
    np.testing.assert_allclose(reference, [(20 + 18 + 1.3) / 2, (20 - 1.3 + 18) / 2, 19.0])


def test_declared_reference_wins_over_zones() -> None:
    zone = np.array([ZONES.index(z) for z in ("D", "9", "2")])
    chosen, by_zone = heat.reference_stations(np.ones(3, dtype=bool), zone, np.array([0, 1, UNKNOWN]))
    assert chosen.tolist() == [False, True, False]
    assert not by_zone


def test_low_plants_come_before_the_other_zones_with_plants() -> None:
    zone = np.array([ZONES.index(z) for z in ("A", "D", "D", "E")])
    none_declared = np.full(4, UNKNOWN)
    usable = np.array([True, True, False, True])
    assert heat.reference_stations(usable, zone, none_declared)[0].tolist() == [False, True, False, False]
    usable = np.array([True, False, False, True])
    chosen, by_zone = heat.reference_stations(usable, zone, none_declared)
    assert chosen.tolist() == [True, False, False, False]
    assert by_zone


def test_a_paved_or_unknown_zone_is_no_reference() -> None:
    zone = np.array([ZONES.index("E"), ZONES.index("2"), UNKNOWN])
    chosen, by_zone = heat.reference_stations(np.ones(3, dtype=bool), zone, np.full(3, UNKNOWN))
    assert not chosen.any()
    assert not by_zone


def test_a_night_is_tropical_from_twenty_degrees_and_unknown_while_it_goes_on() -> None:
    lowest = np.array([20.0, 19.9, 24.0, 19.0, NAN])
    complete = np.array([True, True, False, False, True])
    assert heat.tropical_nights(lowest, complete) == [True, False, None, False, None]
