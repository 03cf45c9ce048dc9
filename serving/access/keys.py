"""API keys: random, shown once, kept as a hash in Elasticsearch; they expire and can be revoked."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from elasticsearch import Elasticsearch, NotFoundError
from pydantic import SecretStr

from schemas.documents import TENANT
from serving.access.caller import EVERY_TENANT, Caller
from serving.access.levels import Level

INDEX = "garonne-keys"
MAX_KEYS = 10_000
KEY = re.compile(r"garonne_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
MAPPINGS = {
    "dynamic": "strict",
    "properties": {
        **{name: {"type": "keyword"} for name in ("key_id", "hash", "tenants", "level", "label")},
        **{name: {"type": "date"} for name in ("created_at", "expires_at", "revoked_at")},
        "per_minute": {"type": "integer"},
    },
}


@dataclass(frozen=True)
class Key:
    """What is kept of a key; not the key itself."""

    key_id: str
    hash: str
    tenants: tuple[str, ...]
    level: Level
    label: str
    per_minute: int
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        """Whether it opens anything at a time."""
        return self.revoked_at is None and now < self.expires_at

    @property
    def caller(self) -> Caller:
        """Who holds it."""
        tenants = None if EVERY_TENANT in self.tenants else frozenset(self.tenants)
        return Caller(self.key_id, self.level, tenants, self.per_minute, self.key_id)

    @classmethod
    def of(cls, source: dict[str, Any]) -> Key:
        """The key in a document."""
        times = {n: datetime.fromisoformat(source[n]) for n in ("created_at", "expires_at")}
        revoked = source.get("revoked_at")
        return cls(
            **{
                **source,
                **times,
                "tenants": tuple(source["tenants"]),
                "level": Level(source["level"]),
                "revoked_at": datetime.fromisoformat(revoked) if revoked else None,
            }
        )


def made(
    tenants: Iterable[str], level: Level, label: str, per_minute: int, lifetime: timedelta, now: datetime
) -> tuple[Key, SecretStr]:
    """A new key: what is kept of it, and the key itself, which is nowhere else.

    Raises:
        ValueError: a tenant's name cannot be one.
    """
    names = tuple(sorted(set(tenants)))
    if bad := [t for t in names if t != EVERY_TENANT and not re.fullmatch(TENANT, t)]:
        raise ValueError(f"not the name of a tenant: {', '.join(bad)}")
    key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    kept = Key(key_id, _hash(secret), names, level, label, per_minute, now, now + lifetime)
    return kept, SecretStr(f"garonne_{key_id}_{secret}")


class KeyStore:
    """The keys in Elasticsearch."""

    def __init__(self, es: Elasticsearch) -> None:
        self._es = es

    def prepare(self) -> None:
        """Make the index, if it is not there."""
        if not self._es.indices.exists(index=INDEX):
            settings = {"number_of_shards": 1, "number_of_replicas": 0}
            self._es.options(ignore_status=400).indices.create(index=INDEX, mappings=MAPPINGS, settings=settings)

    def add(self, key: Key) -> None:
        """Keep a new key; it opens from now on."""
        self.prepare()
        document = {k: v for k, v in asdict(key).items() if v is not None}
        self._es.create(index=INDEX, id=key.key_id, document=document, refresh=True)

    def all(self) -> list[Key]:
        """Every key, the oldest first."""
        self.prepare()
        answer = self._es.search(index=INDEX, size=MAX_KEYS, sort=[{"created_at": "asc"}])
        return [Key.of(hit["_source"]) for hit in answer["hits"]["hits"]]

    def revoke(self, key_id: str, now: datetime) -> None:
        """End a key; requests with it are refused from now on.

        Raises:
            LookupError: there is no such key.
        """
        try:
            self._es.update(index=INDEX, id=key_id, doc={"revoked_at": now.isoformat()}, refresh=True)
        except NotFoundError:
            raise LookupError(f"no key has the id {key_id}; garonne keys list shows them") from None

    def caller(self, text: str, now: datetime | None = None) -> Caller | None:
        """Who holds a key; None if it opens nothing."""
        found = KEY.fullmatch(text)
        if found is None:
            return None
        try:
            key = Key.of(self._es.get(index=INDEX, id=found[1])["_source"])
        except NotFoundError:
            return None
        is_right = hmac.compare_digest(key.hash, _hash(found[2]))
        return key.caller if is_right and key.is_valid(now or datetime.now(UTC)) else None


def _hash(secret: str) -> str:
    """SHA-256: a secret of 256 random bits needs no slow hash, it cannot be guessed."""
    return hashlib.sha256(secret.encode()).hexdigest()
