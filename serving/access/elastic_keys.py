"""Keys of Elasticsearch with few rights: of a tenant's analysts, and of `garonne serve`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from elasticsearch import BadRequestError, Elasticsearch, NotFoundError
from pydantic import SecretStr

from runtime.local.folders import read_json, write_json
from schemas import Contract
from serving.access import elastic_roles
from serving.access.audit import put_template
from serving.access.keys import KeyStore
from serving.access.levels import Level

ANALYST = "garonne-analyst"
SERVE = "garonne-serve"


@dataclass(frozen=True)
class AnalystKey:
    """A key of a tenant's analysts, without what opens."""

    tenant: str
    level: Level
    key_id: str
    created_at: datetime
    expires_at: datetime | None
    is_valid: bool


def role_name(tenant: str, level: Level) -> str:
    """The role of a tenant's analysts at a level."""
    return f"{ANALYST}-{tenant}-{level}"


def add_analyst(
    es: Elasticsearch, contracts: Iterable[Contract], tenant: str, level: Level, days: int
) -> tuple[str, SecretStr]:
    """Put the role of a tenant's analysts, and make a key that may do the same; its id and the key itself.

    Raises:
        ValueError: it cannot be a tenant's name.
    """
    role = elastic_roles.analyst(contracts, tenant, level)
    name, said = role_name(tenant, level), {"garonne": {"tenant": tenant, "level": level.value}}
    es.security.put_role(name=name, metadata=said, **role)
    return _made(es, name, role, said, f"{days}d")


def analysts(es: Elasticsearch, now: datetime) -> list[AnalystKey]:
    """The keys of all tenants' analysts, by tenant and age."""
    found = es.security.get_api_key(name=f"{ANALYST}-*")["api_keys"]
    return sorted((_key(k, now) for k in found), key=lambda k: (k.tenant, k.created_at))


def remove_analysts(es: Elasticsearch, tenant: str) -> tuple[int, int]:
    """End all keys of a tenant's analysts, and remove their roles; how many of each there were.

    Raises:
        LookupError: the tenant has neither.
    """
    ended, removed = 0, 0
    for level in Level:
        name = role_name(tenant, level)
        ended += len(es.security.invalidate_api_key(name=name)["invalidated_api_keys"])
        removed += bool(es.options(ignore_status=404).security.delete_role(name=name)["found"])
    if not ended and not removed:
        raise LookupError(f"{tenant} has no analysts; garonne tenants list shows those that have")
    return ended, removed


def serve_key(es: Elasticsearch) -> tuple[str, SecretStr]:
    """A new key with what `garonne serve` needs and no more, after all it needs has been made."""
    _prepare(es)
    return _made(es, SERVE, elastic_roles.api(), {"garonne": {"role": "serve"}}, None)


def own_serve_key(es: Elasticsearch, path: Path) -> SecretStr:
    """The key of `garonne serve` on this state folder: the one in a file, with today's rights, or a new one there."""
    if known := read_json(path):
        try:
            es.security.update_api_key(id=known["id"], role_descriptors={SERVE: elastic_roles.api()})
        except (NotFoundError, BadRequestError):  # this is another Elasticsearch, or the key was ended
            pass
        else:
            _prepare(es)
            return SecretStr(known["encoded"])
    key_id, key = serve_key(es)
    write_json(path, {"id": key_id, "encoded": key.get_secret_value()})
    return key


def kept_serve_key(path: Path) -> SecretStr | None:
    """The key in a file, if there is one."""
    known = read_json(path)
    return SecretStr(known["encoded"]) if known else None


def _prepare(es: Elasticsearch) -> None:
    """Make what the API itself must not make."""
    KeyStore(es).prepare()
    put_template(es)


def _made(
    es: Elasticsearch, name: str, role: elastic_roles.Descriptor, said: dict[str, Any], expiration: str | None
) -> tuple[str, SecretStr]:
    made = es.security.create_api_key(name=name, role_descriptors={name: role}, metadata=said, expiration=expiration)
    return made["id"], SecretStr(made["encoded"])


def _key(said: dict[str, Any], now: datetime) -> AnalystKey:
    about = said["metadata"]["garonne"]
    created, expires = (_time(said.get(n)) for n in ("creation", "expiration"))
    is_valid = not said["invalidated"] and (expires is None or now < expires)
    return AnalystKey(about["tenant"], Level(about["level"]), said["id"], created or now, expires, is_valid)


def _time(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
