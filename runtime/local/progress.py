"""How long work tells what it is doing."""

from collections.abc import Callable

Progress = Callable[[str, float | None], None]
"""Called with what is being done and how much of it is done (0–1), or None where that is unknown.

What is being done reads "Kafka: starting": the part before the colon names one thing from its first step to its
last, and 1.0 means that this step is the last. Calls come from several threads.
"""


def quiet(what: str, done: float | None) -> None:
    """Tells nobody."""
