"""Conversion between the units feeds use and those of the contracts, exact until the last division."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

Number = int | float


def _fraction(value: Any) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Fraction):
        raise ValueError("needs a number, or a fraction like '175/65535'")
    try:
        return Fraction(str(value))
    except (ValueError, ZeroDivisionError) as e:
        raise ValueError(f"needs a number, or a fraction like '175/65535', not {value!r}") from e


#: A number of a feed's YAML taken as it is written, so that 0.1 is a tenth; fractions such as ``175/65535`` too.
Exact = Annotated[Fraction, PlainValidator(_fraction), PlainSerializer(str)]


@dataclass(frozen=True, slots=True)
class Linear:
    """``factor * x + offset``."""

    factor: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)

    def then(self, after: Linear) -> Linear:
        """Both, one after the other."""
        return Linear(after.factor * self.factor, after.factor * self.offset + after.offset)

    def inverse(self) -> Linear:
        """The way back."""
        return Linear(1 / self.factor, -self.offset / self.factor)

    def function(self) -> Callable[[Number], Number] | None:
        """It as a function with one rounding at the end; None when it changes nothing."""
        d = self.factor.denominator * self.offset.denominator
        n, m = int(self.factor * d), int(self.offset * d)
        if (n, m) == (d, 0):
            return None
        if m == 0 and n == 1:
            return lambda x: x / d
        if d == 1:
            return lambda x: n * x + m
        return lambda x: (n * x + m) / d


def _dimension(**units: tuple[str, str]) -> dict[str, Linear]:
    return {u: Linear(Fraction(f), Fraction(o)) for u, (f, o) in units.items()}


#: By quantity, how each unit (UCUM) becomes the first one of its line.
QUANTITIES: tuple[dict[str, Linear], ...] = (
    _dimension(Cel=("1", "0"), degF=("5/9", "-160/9"), K=("1", "-273.15")),
    _dimension(**{"1": ("1", "0"), "percent": ("1/100", "0"), "permille": ("1/1000", "0")}),
    _dimension(**{"m/s": ("1", "0"), "km/h": ("5/18", "0"), "kn": ("463/900", "0"), "mph": ("0.44704", "0")}),
    _dimension(hPa=("1", "0"), Pa=("1/100", "0"), kPa=("10", "0"), bar=("1000", "0"), mmHg=("1.33322387415", "0")),
    _dimension(m=("1", "0"), mm=("1/1000", "0"), cm=("1/100", "0"), km=("1000", "0"), ft=("0.3048", "0")),
    _dimension(deg=("1", "0"), rad=("57.29577951308232", "0")),
    _dimension(s=("1", "0"), ms=("1/1000", "0"), min=("60", "0"), h=("3600", "0"), d=("86400", "0")),
    _dimension(**{"/h": ("1", "0"), "/min": ("60", "0")}),
)

#: How people write them.
ALIASES = {
    "°C": "Cel",
    "degC": "Cel",
    "°F": "degF",
    "[degF]": "degF",  # as UCUM spells it
    "%": "percent",
    "ratio": "1",
    "kph": "km/h",
    "knot": "kn",
    "mbar": "hPa",
    "l/m2": "mm",
    "°": "deg",
}


def conversion(source: str, target: str) -> Linear:
    """How a value in one unit becomes one in another.

    Raises:
        ValueError: there is no way; the message lists the units there are.
    """
    source, target = ALIASES.get(source, source), ALIASES.get(target, target)
    if source == target:
        return Linear()
    for units in QUANTITIES:
        if target in units:
            if source in units:
                return units[source].then(units[target].inverse())
            also = [a for a, u in ALIASES.items() if u in units]
            raise ValueError(f"no way from unit {source!r} to {target!r}; there are {', '.join([*units, *also])}")
    raise ValueError(f"no way from unit {source!r} to {target!r}, which has no other units")
