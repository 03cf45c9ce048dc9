"""Keys and users of Elasticsearch with few rights: of a tenant's analysts, and of `garonne serve`."""

from __future__ import annotations

import secrets
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
OURS = "garonne"  # in the metadata of what is made here


@dataclass(frozen=True)
class Analyst:
    """A key of a tenant's analysts or a user among them, without what opens."""

    tenant: str
    level: Level
    name: str  # of the user, or the key's id
    expires_at: datetime | None
    is_valid: bool
    is_user: bool


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
    name, role, said = _put_role(es, contracts, tenant, level)
    return _made(es, name, role, said, f"{days}d")


def add_user(es: Elasticsearch, contracts: Iterable[Contract], tenant: str, level: Level, user: str) -> SecretStr:
    """Put the role of a tenant's analysts, and make a user who has it, for Kibana; the password.

    Raises:
        ValueError: it cannot be a tenant's name, or there is a user of that name who is no analyst.
    """
    there = es.options(ignore_status=404).security.get_user(username=user)
    if any(not _is_ours(u) for u in there.values()):
        raise ValueError(f"there is a user {user} already, and not one of a tenant's analysts")
    name, _, said = _put_role(es, contracts, tenant, level)
    password = SecretStr(secrets.token_urlsafe(18))
    es.security.put_user(username=user, password=password.get_secret_value(), roles=[name], metadata=said)
    return password


def analysts(es: Elasticsearch, now: datetime) -> list[Analyst]:
    """The keys and users of all tenants' analysts, by tenant, users last."""
    keys = [_of_key(k, now) for k in es.security.get_api_key(name=f"{ANALYST}-*")["api_keys"]]
    users = [_of_user(u) for u in es.security.get_user().values() if _is_ours(u)]
    return sorted((*keys, *users), key=lambda a: (a.tenant, a.is_user, a.name))


def remove_analysts(es: Elasticsearch, tenant: str) -> tuple[int, int]:
    """End all keys of a tenant's analysts, and remove their users and roles; how many keys and users there were.

    Raises:
        LookupError: the tenant has no analysts.
    """
    users = [u["username"] for u in es.security.get_user().values() if _is_ours(u) and _of_user(u).tenant == tenant]
    for user in users:
        es.security.delete_user(username=user)
    ended = 0
    for level in Level:
        name = role_name(tenant, level)
        ended += len(es.security.invalidate_api_key(name=name)["invalidated_api_keys"])
        es.options(ignore_status=404).security.delete_role(name=name)
    if not ended and not users:
        raise LookupError(f"{tenant} has no analysts; garonne tenants list shows those that have")
    return ended, len(users)


def serve_key(es: Elasticsearch) -> tuple[str, SecretStr]:
    """A new key with what `garonne serve` needs and no more, after all it needs has been made."""
    _prepare(es)
    return _made(es, SERVE, elastic_roles.api(), {OURS: {"role": "serve"}}, None)


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


def _put_role(
    es: Elasticsearch, contracts: Iterable[Contract], tenant: str, level: Level
) -> tuple[str, elastic_roles.Descriptor, dict[str, Any]]:
    role = elastic_roles.analyst(contracts, tenant, level)
    name, said = role_name(tenant, level), {OURS: {"tenant": tenant, "level": level.value}}
    es.security.put_role(name=name, metadata=said, **role)
    return name, role, said


def _made(
    es: Elasticsearch, name: str, role: elastic_roles.Descriptor, said: dict[str, Any], expiration: str | None
) -> tuple[str, SecretStr]:
    made = es.security.create_api_key(name=name, role_descriptors={name: role}, metadata=said, expiration=expiration)
    return made["id"], SecretStr(made["encoded"])


def _is_ours(user: dict[str, Any]) -> bool:
    return OURS in user["metadata"]


def _of_user(said: dict[str, Any]) -> Analyst:
    about = said["metadata"][OURS]
    return Analyst(about["tenant"], Level(about["level"]), said["username"], None, said["enabled"], is_user=True)


def _of_key(said: dict[str, Any], now: datetime) -> Analyst:
    about, until = said["metadata"][OURS], said.get("expiration")
    expires = None if until is None else datetime.fromtimestamp(until / 1000, UTC)
    is_valid = not said["invalidated"] and (expires is None or now < expires)
    return Analyst(about["tenant"], Level(about["level"]), said["id"], expires, is_valid, is_user=False)
