"""What every query of a driver needs: addresses, folders, schemas."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from elasticsearch import Elasticsearch

from jobs.engine.checkpoint import Checkpoint
from jobs.engine.observations import NAME as OBSERVATIONS
from runtime.elastic.client import client
from runtime.elastic.setup import ensure_templates
from runtime.endpoints import Endpoints, endpoints
from runtime.kafka import ensure_topics
from runtime.registry import Registry
from runtime.settings import Settings
from schemas import Contract, contracts

STATELESS = {OBSERVATIONS}


@dataclass(frozen=True)
class Context:
    """Addresses and folders of a driver, with what is derived from them."""

    endpoints: Endpoints
    state: Path
    max_offsets_per_trigger: int = 400_000  # bounds the memory of a micro-batch while it catches up
    archive_uri: str | None = None  # of the archive, where it is not in the state folder

    @classmethod
    def of(cls, settings: Settings) -> Context:
        """The context that the settings describe."""
        return cls(endpoints(settings), settings.state, archive_uri=settings.archive)

    @cached_property
    def es(self) -> Elasticsearch:
        """A client for the driver itself; workers make their own."""
        return client(self.endpoints)

    @cached_property
    def registry(self) -> Registry:
        """The schema registry, with its copy on disk."""
        return Registry(self.endpoints.schema_registry_url, self.schema_cache)

    @property
    def schema_cache(self) -> Path:
        """Folder of the schemas seen so far."""
        return self.state / "schemas"

    @property
    def checkpoints(self) -> Path:
        """Folder of the queries' checkpoints."""
        return self.state / "checkpoints"

    @property
    def archive(self) -> str:
        """Folder or URI of the archive."""
        return self.archive_uri or (self.state / "archive").absolute().as_uri()

    def checkpoint(self, query: str) -> Checkpoint:
        """The checkpoint of a query."""
        return Checkpoint(query, self.checkpoints / query, is_stateless=query in STATELESS)

    def writers(self, contract: Contract) -> dict[int, dict[str, Any]]:
        """Schemas that a contract's topic may hold, by number."""
        return self.registry.numbers(contract)

    def prepare(self) -> None:
        """Topics, schemas and index templates, before any data moves.

        Raises:
            runtime.registry.IncompatibleSchemaError: a schema does not fit the data that is there.
        """
        every = list(contracts().values())
        ensure_topics(self.endpoints.kafka_bootstrap, every)
        for contract in every:
            if contract.has_topic:
                self.registry.register(contract)
        ensure_templates(self.es, every)
