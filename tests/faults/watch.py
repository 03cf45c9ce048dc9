"""Documents watched while something happens: none may go back to an older version or an older figure."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from elasticsearch import Elasticsearch

from schemas import contract

LOOK_SECONDS = 0.2
MOST = 10_000
Seen = tuple[int, str]  # version, newest intake that the figure stands on


@dataclass
class Watch:
    """What was seen of a contract's documents of a tenant."""

    es: Elasticsearch
    name: str
    tenant: str
    seen: dict[str, Seen] = field(default_factory=dict)
    looks: int = 0
    changes: int = 0  # documents that were new or another since the look before
    fallen: list[str] = field(default_factory=list)

    def look(self) -> None:
        """Compare every document with how it was seen last."""
        found = self._documents()
        self.looks += 1
        self.fallen += [f"{id_} is gone" for id_ in self.seen.keys() - found.keys()]
        for id_, now in found.items():
            before = self.seen.get(id_, now)
            self.changes += self.looks > 1 and self.seen.get(id_) != now
            if now[0] < before[0] or now[1] < before[1]:
                self.fallen.append(f"{id_}: {before} became {now}")
        self.seen = found

    def _documents(self) -> dict[str, Seen]:
        alias = contract(self.name).alias
        if not self.es.indices.exists(index=alias):
            return {}
        self.es.indices.refresh(index=f"{alias}-{self.tenant}-*")
        query: dict[str, Any] = {"term": {"tenant": self.tenant}}
        hits = self.es.search(index=alias, query=query, version=True, size=MOST, source=["last_ingested_at"])["hits"]
        assert len(hits["hits"]) < MOST
        return {h["_id"]: (h["_version"], h["_source"]["last_ingested_at"]) for h in hits["hits"]}


@contextmanager
def watched(es: Elasticsearch, name: str, tenant: str) -> Iterator[Watch]:
    """Look again and again until the end of the block, at which nothing may have gone back."""
    watch, over, failed = Watch(es, name, tenant), threading.Event(), list[BaseException]()

    def look_on() -> None:
        try:
            while not over.wait(LOOK_SECONDS):
                watch.look()
        except BaseException as e:  # noqa: BLE001 -- raised below, in the test's thread
            failed.append(e)

    thread = threading.Thread(target=look_on, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join(60)
    if failed:
        raise failed[0]
    watch.look()
    assert watch.fallen == []
    assert watch.looks > 1
