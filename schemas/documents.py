"""Where a document lives and what it is called: index names and ids, derived from contracts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from schemas.contract import Contract

ID_SEPARATOR = "|"
#: Names of tenants: parts of index names.
TENANT = "[a-z0-9][a-z0-9_]{0,63}"
PERIOD_FORMAT = {"month": "%Y.%m", "year": "%Y"}


def index_name(contract: Contract, tenant: str, time: datetime) -> str:
    """Index of a tenant's documents of that time; the period keeps an id in one index for ever."""
    return f"{contract.alias}-{tenant}-{time.astimezone(UTC).strftime(PERIOD_FORMAT[contract.declaration.period])}"


def latest_index_name(contract: Contract, tenant: str) -> str:
    """Index of the newest state of a tenant's entities."""
    return f"{contract.latest_alias}-{tenant}"


def document_id(contract: Contract, document: Mapping[str, Any]) -> str:
    """Id of a document: its contract's key."""
    return ID_SEPARATOR.join(_part(document[name]) for name in contract.key)


def id_time(time: datetime) -> str:
    """A time as it stands in an id: UTC, microseconds, Z."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


def _part(value: Any) -> str:
    return id_time(value) if isinstance(value, datetime) else str(value)
