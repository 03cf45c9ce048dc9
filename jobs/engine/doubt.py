"""How far a sink is in doubt: counts of its batches come in, how many refused documents stop the next goes out."""

from __future__ import annotations

from runtime.elastic.bulk import BREAKER_MINIMUM


class Doubt:
    """Documents that were refused beyond those that were taken, lately.

    A batch of a slow stream is too small to show that the mapping is wrong and not the documents; many of them do. The
    sum is raised by refused documents, lowered by those taken, and never falls below zero, so it grows only while most
    are refused (Page's CUSUM, Biometrika 1954).
    """

    def __init__(self) -> None:
        self._excess = 0

    @property
    def is_there(self) -> bool:
        """Whether more were refused than taken, lately."""
        return self._excess > 0

    @property
    def breaker_minimum(self) -> int:
        """How many refused documents stop a batch when they are most of it; at least 1."""
        return max(1, BREAKER_MINIMUM - self._excess)

    def note(self, taken: int, refused: int) -> None:
        """Take account of a batch that went through."""
        self._excess = min(max(0, self._excess + refused - taken), BREAKER_MINIMUM)
