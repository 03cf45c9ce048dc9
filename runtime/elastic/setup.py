"""Index templates of the contracts, put into Elasticsearch before any document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from elasticsearch import Elasticsearch

from schemas import Contract
from schemas.mapping import index_template, latest_template


def ensure_templates(es: Elasticsearch, contracts: Iterable[Contract]) -> None:
    """Put the template of every contract; the same template again changes nothing.

    Raises:
        elasticsearch.BadRequestError: Elasticsearch refuses a mapping; no document has moved yet.
    """
    for name, body in _templates(contracts):
        es.indices.put_index_template(name=name, **body)


def _templates(contracts: Iterable[Contract]) -> Iterator[tuple[str, dict[str, Any]]]:
    for contract in contracts:
        yield contract.alias, _arguments(index_template(contract))
        if contract.has_latest:
            yield contract.latest_alias, _arguments(latest_template(contract))


def _arguments(body: dict[str, Any]) -> dict[str, Any]:
    return {"meta" if k == "_meta" else k: v for k, v in body.items()}
