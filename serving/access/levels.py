"""Levels of access, and what each may see of a contract."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from schemas import Contract, Field
from schemas.contract import Sensitivity

ORDER = tuple(Sensitivity)


class Level(StrEnum):
    """How much a caller may see; personal data is above every level."""

    OPEN = "open"
    PARTNER = "partner"
    PRIVATE = "private"

    def sees(self, sensitivity: Sensitivity) -> bool:
        """Whether something of that sensitivity may be shown."""
        return ORDER.index(sensitivity) <= ORDER.index(Sensitivity(self.value))


def visible_fields(contract: Contract, level: Level) -> Iterator[Field]:
    """The fields of a contract that a level sees; none of a contract that is above it."""
    declared = contract.declaration.sensitivity
    if level.sees(declared):
        yield from (f for f in contract.fields if level.sees(f.sensitivity or declared))
