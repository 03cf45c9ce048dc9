"""References: what is known of entities, from the entries a format reads."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.formats._mapping import Entry
from connectors.model import Reference, Rejected


def reference_of(entries: Iterable[Entry | Rejected]) -> Reference:
    """The good entries by entity; the bad ones are left out.

    Raises:
        ValueError: there are entries and none is good.
    """
    known: dict[str, dict[str, object]] = {}
    refused: Rejected | None = None
    for entry in entries:
        if isinstance(entry, Rejected):
            refused = refused or entry
        else:
            known[entry[0]] = entry[1]
    if refused and not known:
        raise ValueError(f"no entity can be read: {refused.reason}: {refused.place} {refused.detail}")
    return known
