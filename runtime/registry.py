"""Schemas by number and numbers by schema: the Confluent-compatible registry, with a copy of each schema on disk.

A schema never changes once it has a number, so the copy is good for ever: a process whose registry is down goes on
with the schemas it has seen.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from runtime.files import write_atomically
from schemas import Contract

COMPATIBILITY = "BACKWARD_TRANSITIVE"
TIMEOUT_SECONDS = 10
NOT_FOUND = 404
CONFLICT = 409


class IncompatibleSchemaError(RuntimeError):
    """The registry refuses a schema that old data could not be read with."""


class UnknownSchemaError(LookupError):
    """No schema has that number."""


class Registry:
    """The registry at an address; what it said is kept in a folder."""

    def __init__(self, url: str, cache: Path) -> None:
        self._client = SchemaRegistryClient({"url": url, "timeout": TIMEOUT_SECONDS})
        self._cache = cache
        self._schemas: dict[int, dict[str, Any]] = {}

    def register(self, contract: Contract) -> int:
        """Number of a contract's schema, registered when it is new.

        Raises:
            IncompatibleSchemaError: what is in the topic already could not be read with it.
        """
        known = self._cache / f"{contract.subject}.json"
        try:
            number = self._register(contract)
        except (OSError, SchemaRegistryError) as e:
            if isinstance(e, SchemaRegistryError) and e.http_status_code < 500:
                raise
            return _cached_number(known, contract, e)
        write_atomically(known, json.dumps({"id": number, "schema": contract.avro_json}))
        return number

    def schema(self, number: int) -> dict[str, Any]:
        """The schema with that number.

        Raises:
            UnknownSchemaError: the registry answers that there is none.
            OSError: the registry does not answer and no copy is on disk.
        """
        if number not in self._schemas:
            self._schemas[number] = self._read(number)
        return self._schemas[number]

    def numbers(self, contract: Contract) -> dict[int, dict[str, Any]]:
        """All schemas a contract's topic may hold, by number, oldest first."""
        versions = self._client.get_versions(contract.subject)
        registered = [self._client.get_version(contract.subject, v) for v in versions]
        return {r.schema_id: self.schema(r.schema_id) for r in registered if r.schema_id is not None}

    def _register(self, contract: Contract) -> int:
        try:
            number = self._client.register_schema(contract.subject, Schema(contract.avro_json, "AVRO"))
            self._client.set_compatibility(subject_name=contract.subject, level=COMPATIBILITY)
        except SchemaRegistryError as e:
            if e.http_status_code == CONFLICT:
                raise IncompatibleSchemaError(
                    f"{contract.name}: data of earlier versions could not be read with this schema: {e.error_message}. "
                    "Give a new field a default, keep old fields, or start a new major version (v2.avsc)."
                ) from e
            raise
        return number

    def _read(self, number: int) -> dict[str, Any]:
        path = self._cache / f"{number}.json"
        if path.exists():
            return dict(json.loads(path.read_text(encoding="utf-8")))
        try:
            text = self._client.get_schema(number).schema_str
        except SchemaRegistryError as e:
            if e.http_status_code == NOT_FOUND:
                raise UnknownSchemaError(f"no schema has number {number}") from e
            raise OSError(f"the registry does not answer for schema {number}: {e}") from e
        write_atomically(path, text or "")
        return dict(json.loads(text or ""))


def _cached_number(known: Path, contract: Contract, error: Exception) -> int:
    copy = json.loads(known.read_text(encoding="utf-8")) if known.exists() else None
    if copy is None or copy["schema"] != contract.avro_json:
        raise OSError(f"the registry does not answer and {contract.subject} is not known from before") from error
    return int(copy["id"])
