"""The field between stations, and its limits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from jobs.indicators import interpolation as field
from jobs.indicators.heat_observations import Floats
from jobs.indicators.interpolation_plane import convex_hull, distances_km, is_inside, plane_km
from jobs.indicators.interpolation_variogram import fitted_variogram


def dome(place: Floats) -> Floats:
    return 20 + 5 * np.exp(-(place**2).sum(axis=1) / (2 * 4.0**2))


def stations(count: int = 60) -> Floats:
    return np.random.default_rng(11).uniform(-8, 8, (count, 2))


def interpolated(place: Floats, values: Floats, targets: Floats) -> field.Field:
    return field.interpolated(values, distances_km(place, place), distances_km(targets, place))


def left_out(place: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Each station's value as the others tell it, and the standard error claimed for it."""
    made = [
        interpolated(np.delete(place, i, axis=0), np.delete(values, i), place[i : i + 1]) for i in range(len(values))
    ]
    return np.array([m.values[0] for m in made]), np.array([m.standard_error[0] for m in made])


def test_a_smooth_field_comes_back_from_the_other_stations() -> None:
    place = stations()
    values = dome(place)
    told, _ = left_out(place, values)
    assert np.sqrt(np.mean((told - values) ** 2)) < 0.15
    assert np.std(values) > 1.2  # what the mean alone would miss


def test_the_standard_error_says_how_far_off_it_is() -> None:
    place = stations(80)
    values = dome(place) + np.random.default_rng(2).normal(0, 0.3, 80)
    told, error = left_out(place, values)
    assert np.mean(np.abs(told - values) < 2 * error) > 0.85
    assert 0.3 < np.median(error) < 1.0


def test_the_error_grows_away_from_the_stations() -> None:
    place = stations()
    made = interpolated(place, dome(place), np.array([[0.0, 0.0], [20.0, 0.0], [60.0, 0.0]]))
    assert made.standard_error[0] < made.standard_error[1] < made.standard_error[2]


def test_at_a_station_it_gives_the_station() -> None:
    place = stations()
    made = interpolated(place, dome(place), place[:5])
    np.testing.assert_allclose(made.values, dome(place)[:5], atol=1e-6)
    np.testing.assert_allclose(made.standard_error, 0, atol=1e-3)


def test_one_temperature_everywhere_stays_one_temperature() -> None:
    made = interpolated(stations(), np.full(60, 21.5), np.array([[0.0, 0.0], [30.0, 5.0]]))
    assert made.method is field.Method.ORDINARY_KRIGING
    np.testing.assert_allclose(made.values, 21.5)


def test_stations_at_one_place_do_not_break_it() -> None:
    place = np.vstack([stations(20), stations(20)])
    made = interpolated(place, np.append(dome(place[:20]), dome(place[:20]) + 0.4), np.array([[1.0, 1.0]]))
    assert made.method is field.Method.ORDINARY_KRIGING
    assert 20 < made.values[0] < 26


def test_all_stations_at_one_place_give_their_mean() -> None:
    place = np.zeros((12, 2))
    made = interpolated(place, np.linspace(20, 22, 12), np.array([[3.0, 0.0]]))
    assert made.values[0] == pytest.approx(21)


def test_few_stations_are_weighted_by_distance() -> None:
    place = np.array([[0.0, 0.0], [4.0, 0.0]])
    made = interpolated(place, np.array([20.0, 24.0]), np.array([[2.0, 0.0], [1.0, 0.0]]))
    assert made.method is field.Method.INVERSE_DISTANCE
    np.testing.assert_allclose(made.values, [22.0, (20 * 9 + 24) / 10])
    assert np.isnan(made.standard_error).all()


def test_an_unsolvable_constellation_falls_back_to_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    def unsolvable(*_: object) -> None:
        raise np.linalg.LinAlgError

    monkeypatch.setattr(np.linalg, "solve", unsolvable)
    made = interpolated(stations(), dome(stations()), np.zeros((1, 2)))
    assert made.method is field.Method.INVERSE_DISTANCE
    assert np.isfinite(made.values).all()


def test_no_station_gives_no_field() -> None:
    made = interpolated(np.empty((0, 2)), np.empty(0), np.zeros((3, 2)))
    assert made.method is field.Method.NONE
    assert np.isnan(made.values).all()


def test_the_same_stations_give_the_same_bits() -> None:
    place = stations(200)
    targets = np.random.default_rng(1).uniform(-9, 9, (500, 2))
    first, second = (interpolated(place.copy(), dome(place), targets.copy()) for _ in range(2))
    assert first.values.tobytes() == second.values.tobytes()
    assert first.standard_error.tobytes() == second.standard_error.tobytes()


def test_the_variogram_finds_noise_and_reach() -> None:
    rng = np.random.default_rng(4)
    place = rng.uniform(0, 40, (300, 2))
    covariance = 4 * np.exp(-distances_km(place, place) / 3.0)
    values = np.linalg.cholesky(covariance + 1e-9 * np.eye(300)) @ rng.normal(size=300) + rng.normal(0, 0.7, 300)
    found = fitted_variogram(values, distances_km(place, place))
    assert 0.1 < found.nugget < 1.2
    assert 2.5 < found.nugget + found.sill < 7
    assert 1.5 < found.range_km < 6


def test_a_degree_is_111_kilometres_and_less_to_the_east() -> None:
    place = plane_km(np.array([44.6, 43.6]), np.array([1.4, 2.4]), (43.6, 1.4))
    np.testing.assert_allclose(place, [[0, 111.195], [111.195 * math.cos(math.radians(43.6)), 0]], atol=0.01)


def test_inside_is_within_the_outermost_stations() -> None:
    hull = convex_hull(np.array([[0, 0], [4, 0], [4, 4], [0, 4], [2, 2], [4, 2]], dtype=np.float64))
    assert len(hull) == 4
    points = np.array([[1.0, 1.0], [4.0, 1.0], [4.1, 1.0], [-1.0, -1.0]])
    assert is_inside(points, hull).tolist() == [True, True, False, False]


def test_two_stations_enclose_nothing() -> None:
    assert not is_inside(np.zeros((1, 2)), convex_hull(np.array([[-1.0, 0.0], [1.0, 0.0]]))).any()
