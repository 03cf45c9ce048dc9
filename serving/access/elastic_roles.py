"""What roles of Elasticsearch may do, derived from the contracts: analysts of a tenant, and the API."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from schemas import Contract
from schemas.contract import Sensitivity
from schemas.documents import TENANT
from serving.access import audit, keys
from serving.access.levels import ORDER, Level

Descriptor = dict[str, Any]
READING = ["read", "view_index_metadata"]
KIBANA = {"application": "kibana-.kibana", "privileges": ["read"], "resources": ["*"]}  # sees dashboards, saves none


def strictest(contract: Contract) -> Sensitivity:
    """The sensitivity of a contract's most sensitive field: an index is seen whole or not at all."""
    declared = contract.declaration.sensitivity
    return max((declared, *(f.sensitivity or declared for f in contract.fields)), key=ORDER.index)


def tenant_indices(contract: Contract, tenant: str) -> list[str]:
    """Patterns of the indices with a tenant's documents of a contract, and of nobody else's."""
    latest = [f"{contract.latest_alias}-{tenant}"] if contract.has_latest else []
    return [f"{contract.alias}-{tenant}-*", *latest]


def analyst(contracts: Iterable[Contract], tenant: str, level: Level) -> Descriptor:
    """Reads a tenant's indices up to a level; nothing else is there for it, and it writes nothing.

    Raises:
        ValueError: it cannot be a tenant's name.
    """
    if not re.fullmatch(TENANT, tenant):
        raise ValueError(f"not the name of a tenant: {tenant}")
    names = [n for c in contracts if level.sees(strictest(c)) for n in tenant_indices(c, tenant)]
    return {"cluster": [], "indices": [{"names": names, "privileges": READING}], "applications": [KIBANA]}


def api() -> Descriptor:
    """What `garonne serve` needs: it reads documents and keys, and adds to its own record of accesses."""
    return {
        "cluster": ["monitor"],
        "indices": [
            {"names": ["city-*", keys.INDEX], "privileges": READING},
            {"names": [f"{audit.INDEX}-*"], "privileges": ["create_doc", "auto_configure"]},
        ],
    }
