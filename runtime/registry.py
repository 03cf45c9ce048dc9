"""Schemas by number and numbers by schema: the Confluent-compatible registry, with a copy of each schema on disk.

A schema never changes once it has a number, so the copy is good for ever: a process whose registry is down goes on
with the schemas it has seen.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx2
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from runtime.bounded import bound
from runtime.files import write_atomically
from schemas import Contract

COMPATIBILITY = "BACKWARD_TRANSITIVE"
TIMEOUT_SECONDS = 10
TOTAL_SECONDS = 30  # of an answer that comes in small parts
MAX_BYTES = 4 * 1024 * 1024
RETRIES = 1
AWAY_SECONDS = 10  # without an answer, it is not asked again for so long
NOT_FOUND, CONFLICT, TOO_MANY_REQUESTS, SERVER_ERROR = 404, 409, 429, 500

T = TypeVar("T")


class IncompatibleSchemaError(RuntimeError):
    """The registry refuses a schema that old data could not be read with."""


class UnknownSchemaError(LookupError):
    """No schema has that number."""


class RegistryAwayError(OSError):
    """The registry does not answer, and what it once said is not on disk."""


class Registry:
    """The registry at an address; what it said is kept in a folder."""

    def __init__(self, url: str, cache: Path) -> None:
        self._client = SchemaRegistryClient({"url": url, "timeout": TIMEOUT_SECONDS, "max.retries": RETRIES})
        bound(self._client._rest_client.session, MAX_BYTES, TOTAL_SECONDS)  # it has no setting for this
        self._cache = cache
        self._schemas: dict[int, dict[str, Any]] = {}
        self._away_until = 0.0

    def register(self, contract: Contract) -> int:
        """Number of a contract's schema, registered when it is new.

        Raises:
            IncompatibleSchemaError: what is in the topic already could not be read with it.
            RegistryAwayError: the registry does not answer and never saw this schema before.
        """
        known = self._cache / f"{contract.subject}.json"
        try:
            number = self._asked(lambda: self._register(contract))
        except RegistryAwayError as e:
            return _cached_number(known, contract, e)
        write_atomically(known, json.dumps({"id": number, "schema": contract.avro_json}))
        return number

    def schema(self, number: int) -> dict[str, Any]:
        """The schema with that number.

        Raises:
            UnknownSchemaError: the registry answers that there is none.
            RegistryAwayError: it does not answer and no copy is on disk.
        """
        if number not in self._schemas:
            self._schemas[number] = self._read(number)
        return self._schemas[number]

    def numbers(self, contract: Contract) -> dict[int, dict[str, Any]]:
        """All schemas a contract's topic may hold, by number, oldest first.

        Raises:
            RegistryAwayError: the registry does not answer and never told them before.
        """
        known = self._cache / f"{contract.subject}.numbers.json"
        try:
            numbers = self._asked(lambda: self._numbers(contract))
        except RegistryAwayError as e:
            if not known.exists():
                raise RegistryAwayError(f"{e}, and the versions of {contract.subject} are not known from before") from e
            numbers = json.loads(known.read_text(encoding="utf-8"))
        else:
            write_atomically(known, json.dumps(numbers))
        return {number: self.schema(number) for number in numbers}

    def _asked(self, question: Callable[[], T]) -> T:
        """What the registry answers.

        Raises:
            RegistryAwayError: it does not; it is not asked again for a while, so that nobody waits for it often.
        """
        if time.monotonic() < self._away_until:
            raise RegistryAwayError("the registry did not answer a moment ago")
        try:
            return question()
        except httpx2.TransportError as e:
            error: Exception = e
        except SchemaRegistryError as e:
            if e.http_status_code < SERVER_ERROR and e.http_status_code != TOO_MANY_REQUESTS:
                raise
            error = e
        self._away_until = time.monotonic() + AWAY_SECONDS
        raise RegistryAwayError(f"the registry does not answer: {error}") from error

    def _numbers(self, contract: Contract) -> list[int]:
        versions = self._client.get_versions(contract.subject)
        registered = [self._client.get_version(contract.subject, v) for v in versions]
        return [r.schema_id for r in registered if r.schema_id is not None]

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
            text = self._asked(lambda: self._client.get_schema(number)).schema_str
        except SchemaRegistryError as e:
            if e.http_status_code == NOT_FOUND:
                raise UnknownSchemaError(f"no schema has number {number}") from e
            raise RegistryAwayError(f"the registry refuses to tell schema {number}: {e}") from e
        write_atomically(path, text or "")
        return dict(json.loads(text or ""))


def _cached_number(known: Path, contract: Contract, error: RegistryAwayError) -> int:
    copy = json.loads(known.read_text(encoding="utf-8")) if known.exists() else None
    if copy is None or copy["schema"] != contract.avro_json:
        raise RegistryAwayError(f"{error}, and {contract.subject} is not known from before") from error
    return int(copy["id"])
