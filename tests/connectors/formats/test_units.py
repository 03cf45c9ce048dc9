from __future__ import annotations

from fractions import Fraction

import pytest

from connectors.formats._units import ALIASES, QUANTITIES, Linear, conversion


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (77, "degF", "Cel", 25.0),
        (-40, "°F", "°C", -40.0),
        (0, "K", "Cel", -273.15),
        (94, "%", "1", 0.94),
        (101325, "Pa", "hPa", 1013.25),
        (95.96, "kPa", "hPa", 959.6),
        (1, "bar", "hPa", 1000),
        (23, "km/h", "m/s", 23 / 3.6),
        (10, "m/s", "km/h", 36.0),
        (1, "kn", "km/h", 1.852),
        (1.5, "cm", "mm", 15.0),
        (3, "min", "s", 180),
        (2, "/min", "/h", 120),
        (7, "l/m2", "mm", 7),
    ],
)
def test_units_convert_with_one_rounding(value: float, source: str, target: str, expected: float) -> None:
    function = conversion(source, target).function()

    assert (function(value) if function else value) == pytest.approx(expected, rel=1e-15)


def test_a_percentage_is_the_nearest_ratio_there_is() -> None:
    function = conversion("percent", "1").function()

    assert function is not None
    assert [function(n) for n in range(101)] == [n / 100 for n in range(101)]


def test_every_unit_goes_there_and_back() -> None:
    for units in QUANTITIES:
        for source in units:
            for target in units:
                assert conversion(source, target).then(conversion(target, source)) == Linear(Fraction(1), Fraction(0))


def test_aliases_stand_for_units_there_are() -> None:
    known = {u for units in QUANTITIES for u in units}

    assert set(ALIASES.values()) <= known


def test_an_unknown_unit_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"no way from unit 'furlong' to 'm'; there are m, mm, cm, km, ft"):
        conversion("furlong", "m")


def test_units_of_another_quantity_are_refused() -> None:
    with pytest.raises(ValueError, match="no way from unit 'km/h' to 'Cel'"):
        conversion("km/h", "Cel")
