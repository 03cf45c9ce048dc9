"""Who asks: anybody, or the holder of a key."""

from __future__ import annotations

from dataclasses import dataclass

from serving.access.levels import Level

ANONYMOUS = "anonymous"
EVERY_TENANT = "*"


@dataclass(frozen=True)
class Caller:
    """Somebody who asks. At their level they see the documents of their tenants, and at the open level those of all."""

    name: str
    level: Level
    tenants: frozenset[str] | None  # None: of all
    per_minute: int
    counted_as: str  # whose requests are counted together for the quota

    def scope(self, asked: frozenset[str]) -> tuple[Level, frozenset[str] | None]:
        """The one level and the tenants (None: all) of a request for these tenants; none asked for: their own.

        A request that reaches beyond the caller's tenants is answered at the open level throughout.
        """
        if not asked:
            return self.level, self.tenants
        every = None if EVERY_TENANT in asked else asked
        is_own = self.tenants is None or (every is not None and every <= self.tenants)
        return (self.level if is_own else Level.OPEN), every


def anonymous(address: str, per_minute: int) -> Caller:
    """Somebody without a key: open data of all tenants."""
    return Caller(ANONYMOUS, Level.OPEN, None, per_minute, f"{ANONYMOUS} {address}")
