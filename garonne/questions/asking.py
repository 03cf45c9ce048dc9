"""A question asked of Elasticsearch and of the API, and the rows of both answers in one form."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx2
from elasticsearch import Elasticsearch
from elasticsearch.helpers import bulk
from starlette.types import ASGIApp

from garonne.questions.city import TENANT, documents
from garonne.questions.question import Question
from runtime.elastic.setup import ensure_templates
from schemas import contract, contracts
from schemas.documents import document_id, index_name, latest_index_name

Row = dict[str, Any]
DIGITS = 6  # sums of the same numbers in another order differ behind that
TIMEOUT_SECONDS = 30


def fill(es: Elasticsearch) -> int:
    """Put the example city into Elasticsearch, in place of what was there of it; the number of its documents."""
    forget(es)
    ensure_templates(es, contracts().values())
    done, _ = bulk(es, _actions(), refresh=True, chunk_size=2000)
    return done


def forget(es: Elasticsearch) -> None:
    """Remove the example city."""
    there = es.indices.get(index=f"city-*-{TENANT},city-*-{TENANT}-*", allow_no_indices=True, features=["settings"])
    if there:
        es.indices.delete(index=[*there])


def of_elasticsearch(es: Elasticsearch, question: Question) -> list[Row]:
    """The rows of the search's answer."""
    asked = es.options(request_timeout=TIMEOUT_SECONDS)
    return rows_of(question, asked.search(index=question.index, **_arguments(question.search)).body)


def rows_of(question: Question, answer: dict[str, Any]) -> list[Row]:
    """The rows in what Elasticsearch answers."""
    if "aggs" in question.search:
        found = list(_flat(dict(answer["aggregations"])))
    else:
        found = [dict(hit["_source"]) for hit in answer["hits"]["hits"]]
    return plain(_ordered(found, question.order)[: question.rows])


def of_api(app: ASGIApp, every: Iterable[Question]) -> list[list[Row]]:
    """The rows of the API's answers."""
    return asyncio.run(_asked(app, list(every)))


def plain(rows: Iterable[Row]) -> list[Row]:
    """Rows in one form: times in UTC, numbers to the sixth decimal."""
    return [{name: _plain(value) for name, value in row.items()} for row in rows]


async def _asked(app: ASGIApp, every: Sequence[Question]) -> list[list[Row]]:
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://api", timeout=TIMEOUT_SECONDS) as client:
        answers = [await client.get(q.path, params=q.parameters) for q in every]
    for question, answer in zip(every, answers, strict=True):
        if not answer.is_success:
            raise RuntimeError(f"{question.id}: the API answers {answer.status_code}: {answer.text[:500]}")
    return [plain(answer.json()["results"]) for answer in answers]


def _arguments(body: dict[str, Any]) -> dict[str, Any]:
    names = {"_source": "source"}
    return {names.get(name, name): value for name, value in body.items()}


def _flat(aggregations: dict[str, Any]) -> Iterator[Row]:
    """Groups in groups as rows: a column for each group and for each figure."""
    groups = {name: found for name, found in aggregations.items() if isinstance(found, dict) and "buckets" in found}
    figures = {n: f["value"] for n, f in aggregations.items() if isinstance(f, dict) and "value" in f}
    if not groups:
        yield figures
    for name, found in groups.items():
        for bucket in found["buckets"]:
            yield from ({name: bucket.get("key_as_string", bucket["key"]), **row} for row in _flat(bucket))


def _ordered(rows: list[Row], order: Sequence[str]) -> list[Row]:
    for name in reversed(order):
        column = name.removeprefix("-")
        rows = sorted(rows, key=lambda row: row[column], reverse=name.startswith("-"))
    return rows


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return int(value) if value.is_integer() else round(value, DIGITS)
    if isinstance(value, str) and value[10:11] == "T":
        try:
            return datetime.fromisoformat(value).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        except ValueError:
            return value
    return value


def _actions() -> Iterator[dict[str, Any]]:
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for name, document in documents():
        described = contract(name)
        yield {
            "_index": index_name(described, TENANT, document[described.time]),
            "_id": document_id(described, document),
            "_source": document,
        }
        if described.has_latest:
            newest[name, document["entity_id"]] = document  # they come in the order of time
    for (name, entity), document in newest.items():
        yield {
            "_index": latest_index_name(contract(name), TENANT),
            "_id": f"{TENANT}|{entity}",
            "_source": document,
        }
