"""Issuers of bearer tokens (OpenID Connect) that are trusted, and what the claims of their tokens open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, field_validator

from schemas.documents import TENANT
from serving.access.caller import EVERY_TENANT, Caller
from serving.access.levels import ORDER, Level

LOOPBACK = ("127.0.0.1", "::1", "localhost")
MAX_FILE_BYTES = 256 * 1024
MAX_SUBJECT = 255  # OpenID Connect Core 1.0, 5.1

Tenant = Annotated[str, StringConstraints(pattern=rf"^({TENANT}|\*)$")]
ClaimPath = Annotated[
    tuple[str, ...], BeforeValidator(lambda v: (v,) if isinstance(v, str) else v), Field(min_length=1, max_length=8)
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TenantClaim(_Strict):
    """The claim that says whose data a token opens; a list of names leads into a claim of claims."""

    claim: ClaimPath
    values: dict[str, tuple[Tenant, ...]]


class LevelClaim(_Strict):
    """The claim that says how much of it; the highest level that is named counts, and open without one."""

    claim: ClaimPath
    values: dict[str, Level]


class Issuer(_Strict):
    """One issuer. Only what is written down here is opened, whatever else a token says."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")  # of its callers, in the record of accesses
    url: str = Field(max_length=1024)  # as tokens name it, `iss`
    audience: str = Field(min_length=1)  # that tokens must be meant for, `aud`
    tenants: TenantClaim
    level: LevelClaim
    per_minute: int = Field(default=1200, ge=1)  # requests of each subject
    leeway_seconds: int = Field(default=30, ge=0, le=300)  # that clocks may differ

    @field_validator("url")
    @classmethod
    def _is_safe(cls, url: str) -> str:
        parts = urlsplit(url)
        is_web = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
        if not is_web or not parts.hostname or parts.query or parts.fragment or parts.username:
            raise ValueError("must be an address that starts with https:// (http:// on this machine alone)")
        return url

    def caller(self, claims: dict[str, Any]) -> Caller:
        """Who brings a token with these claims, which have been verified.

        A token that names no tenant is somebody who sees what is open, with a quota of their own.
        """
        named = frozenset(t for v in _said(claims, self.tenants.claim) for t in self.tenants.values.get(v, ()))
        levels = [le for v in _said(claims, self.level.claim) if (le := self.level.values.get(v)) is not None]
        level = max(levels, key=_rank, default=Level.OPEN) if named else Level.OPEN
        tenants = None if not named or EVERY_TENANT in named else named
        name = f"{self.name}:{claims['sub']}"
        return Caller(name, level, tenants, self.per_minute, name)


class Issuers(_Strict):
    """The file of issuers."""

    issuers: tuple[Issuer, ...]

    @field_validator("issuers")
    @classmethod
    def _differ(cls, issuers: tuple[Issuer, ...]) -> tuple[Issuer, ...]:
        for what in ("name", "url"):
            values = [getattr(i, what) for i in issuers]
            if len(set(values)) < len(values):
                raise ValueError(f"two issuers have the same {what}")
        return issuers


def issuers(path: Path | None) -> tuple[Issuer, ...]:
    """The issuers in a file; none without one.

    Raises:
        ValueError: the file is not as it should be; says where.
        OSError: it cannot be read.
    """
    if path is None:
        return ()
    with path.open("rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"{path} holds more than {MAX_FILE_BYTES} bytes")
    try:
        return Issuers.model_validate(yaml.safe_load(content)).issuers
    except (yaml.YAMLError, ValueError) as e:
        raise ValueError(f"{path}: {e}") from e


def _said(claims: dict[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """The texts in a claim: one, or several."""
    value: Any = claims
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    yield from (v for v in (value if isinstance(value, list) else [value]) if isinstance(v, str))


def _rank(level: Level) -> int:
    return [s.value for s in ORDER].index(level.value)
