"""The addresses a process talks to: those given, and for the rest those of the local servers."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretStr

from runtime.settings import Settings


class Endpoints(BaseModel):
    """Addresses of Kafka, registry, Elasticsearch and MQTT broker, with what it takes to log in."""

    model_config = ConfigDict(frozen=True)

    kafka_bootstrap: str
    schema_registry_url: str
    elasticsearch_url: str
    elasticsearch_user: str | None = None
    elasticsearch_password: SecretStr | None = None
    elasticsearch_api_key: SecretStr | None = None
    mqtt_url: str | None = None
    mqtt_user: str | None = None
    mqtt_password: SecretStr | None = None


class NoEndpointsError(RuntimeError):
    """An address is neither given nor known from local servers."""


def endpoints_file(settings: Settings) -> Path:
    """Where `garonne up` writes the addresses of the servers it started."""
    return settings.state / "endpoints.json"


def endpoints(settings: Settings) -> Endpoints:
    """The addresses to use.

    Raises:
        NoEndpointsError: one is missing; says which and what to do.
    """
    path = endpoints_file(settings)
    local = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known = {name: getattr(settings, name) for name in Endpoints.model_fields if getattr(settings, name) is not None}
    for server in ("elasticsearch", "mqtt"):
        if f"{server}_url" in known:  # the local server's password is none of the given one's business
            local = {name: value for name, value in local.items() if not name.startswith(f"{server}_")}
    merged = {**local, **known}
    missing = [n.upper() for n, f in Endpoints.model_fields.items() if f.is_required() and n not in merged]
    if missing:
        raise NoEndpointsError(f"no address for {', '.join(missing)}: set it, or run 'garonne up' for local servers")
    return Endpoints.model_validate(merged)
