"""Numbers as feeds write them."""

from __future__ import annotations

from typing import Any, Literal

from connectors.formats._errors import ReadError, shown
from connectors.model import Reason

Decimal = Literal[".", ","]

#: What French typography puts between thousands: a space, a no-break space, a narrow one.
_SPACES = str.maketrans("", "", " \u00a0\u202f")


def number(raw: Any, decimal: Decimal = ".") -> int | float | None:
    """A number, as it is or as text with that decimal sign; None for empty text.

    Raises:
        ReadError: it is something else.
    """
    kind = type(raw)
    if kind is float or kind is int:
        return raw  # type: ignore[no-any-return]
    if kind is not str:
        raise ReadError(Reason.WRONG_TYPE, f"{shown(raw)} is not a number")
    text = raw.strip()
    if not text:
        return None
    if decimal == ",":
        if "." in text:  # a thousands separator or the other decimal sign: a guess would be wrong by 1000
            raise ReadError(Reason.WRONG_TYPE, f"{shown(raw)} has a point, the feed declares decimal commas")
        text = text.translate(_SPACES).replace(",", ".")
    if "_" in text:
        raise ReadError(Reason.WRONG_TYPE, f"{shown(raw)} is not a number")
    try:
        return float(text)
    except ValueError:
        raise ReadError(Reason.WRONG_TYPE, f"{shown(raw)} is not a number") from None
