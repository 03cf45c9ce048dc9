"""The topic of a contract and how its events are written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from runtime.avro_writer import fast_encoder
from runtime.endpoints import Endpoints
from runtime.kafka import ensure_topics
from runtime.registry import Registry
from runtime.settings import Settings
from schemas import contract


@dataclass(frozen=True, slots=True)
class Channel:
    """Where events of a contract go, and as which bytes."""

    topic: str
    encode: Callable[[Mapping[str, Any]], bytes]
    ends: dict[int, int] = field(default_factory=dict)  # by partition: after the last one that Kafka has of any feed


class Channels:
    """The channels by contract; each is prepared (topic, schema) when it is first asked for."""

    def __init__(self, endpoints: Endpoints, settings: Settings) -> None:
        self._bootstrap = endpoints.kafka_bootstrap
        self.registry = Registry(endpoints.schema_registry_url, settings.state / "schemas")
        self._ready: dict[str, Channel] = {}
        self._lock = asyncio.Lock()

    async def get(self, name: str) -> Channel:
        """The channel of the contract of that name.

        Raises:
            Exception: Kafka or the registry does not answer or refuses.
        """
        async with self._lock:
            if name not in self._ready:
                self._ready[name] = await asyncio.to_thread(self._prepare, name)
            return self._ready[name]

    def forget(self) -> None:
        """Prepare everything again: a record was refused, and the topic may be gone."""
        self._ready.clear()

    def _prepare(self, name: str) -> Channel:
        wanted = contract(name)
        ensure_topics(self._bootstrap, [wanted])
        return Channel(wanted.topic, fast_encoder(wanted, self.registry.register(wanted)))
