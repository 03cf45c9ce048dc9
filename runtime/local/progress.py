"""How long work tells what it is doing."""

from collections.abc import Callable

Progress = Callable[[str, float | None], None]
"""Called with what is being done and how much of it is done (0–1), or None where that is unknown."""


def quiet(what: str, done: float | None) -> None:
    """Tells nobody."""
