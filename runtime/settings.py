"""Where things are: addresses from the environment, or of the local servers that `garonne up` wrote down."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Addresses and folders. An address that is given means that nothing local is started for it."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    kafka_bootstrap: str | None = None
    schema_registry_url: str | None = None
    elasticsearch_url: str | None = None
    elasticsearch_user: str | None = None
    elasticsearch_password: SecretStr | None = None
    elasticsearch_api_key: SecretStr | None = None
    mqtt_url: str | None = None
    mqtt_user: str | None = None
    mqtt_password: SecretStr | None = None
    kibana_user: str | None = None
    kibana_password: SecretStr | None = None
    kibana_api_key: SecretStr | None = None
    runtime: Literal["local", "containers"] = "local"
    # Of each local server beside its own, such as -XX:TieredStopAtLevel=1 where they run for minutes and not for days.
    servers_java_options: str | None = Field(default=None, validation_alias="GARONNE_SERVERS_JAVA_OPTIONS")
    ledger_seconds: float = Field(default=300, gt=0, validation_alias="GARONNE_LEDGER_SECONDS")
    repair_seconds: float = Field(default=600, gt=0, validation_alias="GARONNE_REPAIR_SECONDS")
    # What feeds for others say of whom they come from.
    contact_email: str = Field(default="contact@localhost", validation_alias="GARONNE_CONTACT_EMAIL")
    timezone: str = Field(default="Europe/Paris", validation_alias="GARONNE_TIMEZONE")
    state: Path = Field(default_factory=lambda: default_state(), validation_alias="GARONNE_STATE")
    issuers: Path | None = Field(default=None, validation_alias="GARONNE_ISSUERS")  # file of those whose tokens count
    archive: str | None = Field(default=None, validation_alias="GARONNE_ARCHIVE")  # folder or URI of an object store
    cache: Path = Field(default_factory=lambda: default_cache(), validation_alias="GARONNE_CACHE")


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process."""
    return Settings()


def default_state() -> Path:
    """Folder of logs, data and checkpoints of this clone.

    Elasticsearch refuses to run as root, and nobody, as whom it runs then, cannot enter most homes:
    so root's folder is under /var/lib.
    """
    if os.geteuid() == 0:
        clone = hashlib.sha256(str(PROJECT).encode()).hexdigest()[:12]
        return Path("/var/lib/garonne") / clone
    return PROJECT / ".garonne"


def default_cache() -> Path:
    """Folder of what was downloaded, shared by all clones of a user."""
    if os.geteuid() == 0:
        return Path("/var/cache/garonne")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "garonne"
