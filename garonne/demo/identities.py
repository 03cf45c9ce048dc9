"""The demo's three identities at the API: anybody, a partner of the city, and the city itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from elasticsearch import Elasticsearch
from pydantic import SecretStr

from serving.access.keys import KeyStore, made
from serving.access.levels import Level

LIFETIME = timedelta(days=7)
PER_MINUTE = 6000


@dataclass(frozen=True)
class Identity:
    """Somebody who asks, and the key that says so; none for anybody."""

    title: str
    level: Level
    key: SecretStr | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The headers of their requests."""
        return {} if self.key is None else {"X-API-Key": self.key.get_secret_value()}


def identities(es: Elasticsearch, tenant: str, now: datetime) -> list[Identity]:
    """Anybody, and new keys for a tenant's partner and for the tenant itself."""
    found = [Identity("anybody, without a key", Level.OPEN)]
    for title, level in ((f"a partner of {tenant}", Level.PARTNER), (f"{tenant} itself", Level.PRIVATE)):
        kept, key = made([tenant], level, f"demo: {title}", PER_MINUTE, LIFETIME, now)
        KeyStore(es).add(kept)
        found.append(Identity(title, level, key))
    return found
