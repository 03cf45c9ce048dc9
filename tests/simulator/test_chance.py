from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from simulator.chance import key, normal, poisson, smooth, uniform

MANY = np.arange(20_000)


def test_a_key_is_the_same_in_another_process() -> None:
    code = "from simulator.chance import key; print(key('parking', 7))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(other.stdout) == key("parking", 7)


def test_a_number_does_not_depend_on_what_else_is_asked_for() -> None:
    whole = uniform(key("a"), MANY[:, None], np.arange(5)[None, :])
    assert whole[17, 3] == uniform(key("a"), np.array([17]), np.array([3]))[0]


def test_keys_and_coordinates_give_unrelated_numbers() -> None:
    a, b = uniform(key("a"), MANY), uniform(key("b"), MANY)
    swapped = uniform(key("a"), MANY, np.zeros_like(MANY)), uniform(key("a"), np.zeros_like(MANY), MANY)
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.03
    assert abs(np.corrcoef(a[1:], a[:-1])[0, 1]) < 0.03
    assert abs(np.corrcoef(*swapped)[0, 1]) < 0.03


def test_uniform_numbers_fill_the_unit_interval_evenly() -> None:
    counts, _ = np.histogram(uniform(key("even"), MANY), bins=10, range=(0, 1))
    assert counts.sum() == len(MANY)
    assert counts.min() > 1850


def test_normal_numbers_have_mean_0_and_deviation_1_and_are_bounded() -> None:
    found = normal(key("bell"), MANY)
    assert found.mean() == pytest.approx(0, abs=0.02)
    assert found.std() == pytest.approx(1, abs=0.02)
    assert np.abs(found).max() < 3.47


@pytest.mark.parametrize("mean", [0.1, 2.0, 2.9, 8.0, 40.0])
def test_counts_have_the_mean_and_spread_of_poisson(mean: float) -> None:
    found = poisson(key("count"), np.full(len(MANY), mean), MANY)
    assert found.min() >= 0
    assert found.mean() == pytest.approx(mean, rel=0.04)
    assert found.var() == pytest.approx(mean, rel=0.06)


def test_smooth_numbers_meet_at_the_knots_whatever_window_is_asked_for() -> None:
    times = np.arange(0, 7200, 60)
    whole = smooth(key("slow"), np.arange(3), times, 3600)
    assert np.array_equal(whole[:, 50:70], smooth(key("slow"), np.arange(3), times[50:70], 3600))
    assert np.abs(np.diff(whole)).max() <= 6.94 / 60 + 1e-9
