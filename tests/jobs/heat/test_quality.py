"""What quality control leaves out, and what it must keep."""

from __future__ import annotations

import numpy as np
import pytest

from jobs.indicators import quality
from jobs.indicators.heat_observations import Floats, Ints
from jobs.indicators.interpolation_plane import distances_km
from jobs.indicators.quality_network import neighbour_outlier, network_outlier
from jobs.indicators.quality_robust import qn_scale, quantile, student_t


def series(*values: float, minutes: int = 15) -> tuple[Ints, Ints, Floats]:
    count = len(values)
    return np.zeros(count, dtype=np.int64), np.arange(count) * minutes * quality.MINUTE, np.array(values)


def test_range_leaves_out_what_no_city_has() -> None:
    temperature = np.array([-40.1, -40.0, 0.0, 50.0, 50.1, np.inf, np.nan])
    assert quality.out_of_range(temperature).tolist() == [True, False, False, False, True, True, False]


def test_a_jump_and_back_is_a_spike() -> None:
    assert quality.spike(*series(20.0, 20.2, 27.0, 20.4, 20.5)).tolist() == [False, False, True, False, False]


def test_a_storm_that_stays_cool_is_no_spike_and_no_step() -> None:
    storm = series(33.0, 32.5, 24.0, 22.5, 22.0)
    assert not quality.spike(*storm).any()
    assert not quality.step(*storm).any()


def test_a_jump_of_more_than_ten_degrees_in_a_quarter_of_an_hour_is_a_step() -> None:
    assert quality.step(*series(19.8, 20.0, 20.1, 30.7)).tolist() == [False, False, False, True]


def test_of_a_jump_the_value_unlike_the_rest_is_the_wrong_one() -> None:
    assert quality.step(*series(5.0, 20.0, 20.1, 20.2)).tolist() == [True, False, False, False]
    assert quality.step(*series(20.0, 20.1, 35.0, 35.0, 20.2, 20.0)).tolist() == [
        False,
        False,
        True,
        True,
        False,
        False,
    ]


def test_a_slow_change_over_a_gap_is_no_step() -> None:
    assert not quality.step(*series(12.0, 24.0, minutes=45)).any()
    assert not quality.step(*series(12.0, 40.0, minutes=90)).any()


def test_two_stations_are_not_compared_as_one_series() -> None:
    station, time, temperature = np.array([0, 1, 1]), np.array([0, 0, 1]) * quality.MINUTE, np.array([5.0, 30.0, 30.0])
    assert not quality.step(station, time, temperature).any()


def stuck_among(moving: Floats, values: int) -> tuple[Ints, Ints, Floats]:
    """A station that repeats itself, beside three that move."""
    steps = np.arange(values)
    station = np.repeat(np.arange(4), values)
    time = np.tile(steps * 15 * quality.MINUTE, 4)
    return station, time, np.concatenate([np.full(values, 21.3), *[moving + i for i in range(3)]])


def test_a_sensor_that_repeats_itself_while_the_others_move_is_flat() -> None:
    flat = quality.flat_line(*stuck_among(np.linspace(24, 21, 8), 8))
    assert flat[:8].all()
    assert not flat[8:].any()


def test_a_calm_night_is_not_flat() -> None:
    assert not quality.flat_line(*stuck_among(np.linspace(21.4, 21.2, 8), 8)).any()


def test_an_hour_of_one_value_is_not_enough_to_be_flat() -> None:
    assert not quality.flat_line(*stuck_among(np.linspace(24, 21, 5), 5)).any()


def test_no_check_minds_an_empty_or_single_series() -> None:
    for values in ((), (20.0,)):
        for check in (quality.spike, quality.step, quality.flat_line):
            assert not check(*series(*values)).any()


@pytest.mark.parametrize(
    ("probability", "freedom", "expected"),  # tables of Student's t
    [(0.95, 4, 2.131847), (0.01, 9, -2.821438), (0.975, 1, 12.706205), (0.95, 98, 1.660551), (0.5, 7, 0.0)],
)
def test_students_t(probability: float, freedom: int, expected: float) -> None:
    assert student_t(probability, freedom) == pytest.approx(expected, abs=1e-6)


def test_quantiles_are_normal_from_a_hundred_on() -> None:
    assert quantile(0.95, 100) == pytest.approx(1.644854, abs=1e-6)
    assert quantile(0.95, 99) == pytest.approx(student_t(0.95, 98))


def test_qn_is_a_standard_deviation_that_outliers_do_not_move() -> None:
    values = np.random.default_rng(3).normal(20, 2, 400)
    assert qn_scale(values) == pytest.approx(2, rel=0.1)
    assert qn_scale(np.append(values, [500.0] * 40)) == pytest.approx(2, rel=0.3)
    assert qn_scale(values[:1]) == 0.0


def test_a_sensor_far_from_its_network_is_an_outlier() -> None:
    temperature = np.append(np.random.default_rng(5).normal(20, 0.5, 30), [31.0, 9.0, np.nan])
    assert np.flatnonzero(network_outlier(temperature, np.zeros(33, dtype=bool))).tolist() == [30, 31]


@pytest.mark.parametrize("rural", [3, 5, 20])
def test_a_heat_island_of_eight_degrees_is_kept(rural: int) -> None:
    urban = np.random.default_rng(7).normal(26, 0.6, 45).clip(24.5, 26.4)
    temperature = np.append(urban, np.full(rural, 18.0) + np.arange(rural) * 0.1)
    is_rural = np.arange(len(temperature)) >= 45
    assert not network_outlier(temperature, is_rural).any()


def test_a_few_urban_stations_in_a_rural_network_are_kept() -> None:
    temperature = np.append(np.linspace(17.5, 18.5, 30), [25.5, 26.0])
    assert not network_outlier(temperature, np.arange(32) < 30).any()


def test_four_stations_judge_nobody() -> None:
    assert not network_outlier(np.array([20.0, 20.0, 20.0, 45.0]), np.zeros(4, dtype=bool)).any()


def test_a_station_unlike_its_neighbours_is_found() -> None:
    place = np.random.default_rng(9).uniform(0, 2, (9, 2))
    temperature = np.append(np.linspace(24.0, 24.8, 8), 31.0)
    assert np.flatnonzero(neighbour_outlier(temperature, distances_km(place, place))).tolist() == [8]


def test_a_park_is_no_error() -> None:
    place = np.random.default_rng(9).uniform(0, 2, (9, 2))
    temperature = np.append(np.linspace(24.0, 24.8, 8), 20.5)
    assert not neighbour_outlier(temperature, distances_km(place, place)).any()


def test_neighbours_need_to_be_five_and_near() -> None:
    place = np.array([[i * 4.0, 0.0] for i in range(8)] + [[np.nan, np.nan]])
    temperature = np.append(np.full(8, 24.0), 45.0)
    assert not neighbour_outlier(temperature, distances_km(place, place)).any()
