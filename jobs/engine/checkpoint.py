"""A query's checkpoint and the generation it belongs to."""

from __future__ import annotations

import json
from pathlib import Path

from elasticsearch import Elasticsearch

from runtime.elastic import generations
from runtime.files import write_atomically

MARK = "garonne.json"


def generation(es: Elasticsearch, query: str, checkpoint: Path) -> int:
    """The generation of a checkpoint; one that is new begins the next."""
    mark = checkpoint / MARK
    if mark.exists():
        return int(json.loads(mark.read_text(encoding="utf-8"))["generation"])
    begun = generations.begin(es, query)
    write_atomically(mark, json.dumps({"query": query, "generation": begun}))
    return begun
