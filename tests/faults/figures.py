"""What the jobs make of a city's events: as it should be, from the events alone, and as it is in Elasticsearch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from confluent_kafka import Producer
from pyspark.sql import SparkSession

from jobs.engine.context import Context
from jobs.engine.runner import drain
from jobs.engine.sink import documents
from jobs.engine.streams import job_query, observations_query
from jobs.job import Job
from runtime.elastic.documents import found
from schemas import contract
from tests.frames import frame
from tests.servers.events import Event

Documents = dict[str, dict[str, Any]]


def expected(spark: SparkSession, job: Job, events: Iterable[Event]) -> Documents:
    """The documents of a clean run: the job's function over the events, each once and in order, all at once."""
    rows = frame(spark, contract(job.reads), events)
    made = documents(rows.transform(job.transform), contract(job.result)).collect()
    return {row.id: json.loads(row.source) for row in made}


def indexed(context: Context, job: Job, tenant: str) -> Documents:
    """The documents of a job in Elasticsearch, of one tenant."""
    return of(context, job.result, tenant, **job.part)


def of(context: Context, name: str, tenant: str, **terms: str) -> Documents:
    """The documents of a contract in Elasticsearch, of one tenant."""
    alias = contract(name).alias
    context.es.indices.refresh(index=f"{alias}-{tenant}-*")
    return found(context.es, alias, tenant=tenant, **terms)


def entities(context: Context, tenant: str) -> list[str]:
    """The entity of each observation of weather in Elasticsearch."""
    return [d["entity_id"] for d in of(context, "weather_observed", tenant).values()]


def letters(context: Context, tenant: str) -> list[dict[str, Any]]:
    """The dead letters of a tenant."""
    return list(of(context, "dead_letter", tenant).values())


def observed(context: Context, name: str, tenant: str) -> set[tuple[str, str]]:
    """Entity and time of the observations in Elasticsearch."""
    return {(d["entity_id"], d["observed_at"][:19]) for d in of(context, name, tenant).values()}


def keys(events: Iterable[Event]) -> set[tuple[str, str]]:
    """Entity and time of events, as `observed` gives them."""
    return {(e["entity_id"], f"{e['observed_at']:%FT%T}") for e in events}


def work_off(spark: SparkSession, context: Context, jobs: Sequence[Job] = (), *, with_letters: bool = False) -> None:
    """Run the jobs and the observations over all that Kafka holds now; also over the dead letters of that run."""
    drain([observations_query(spark, context), *(job_query(spark, job, context) for job in jobs)])
    if with_letters:
        drain([observations_query(spark, context)])


def send(context: Context, topic: str, tenant: str, values: Iterable[bytes]) -> None:
    """Send bytes to a topic, and wait until Kafka has them."""
    producer = Producer({"bootstrap.servers": context.endpoints.kafka_bootstrap})
    for value in values:
        producer.produce(topic, value, f"{tenant}/x".encode())
        producer.poll(0)
    assert producer.flush(60) == 0


def of_each(spark: SparkSession, job: Job, arrivals: Sequence[Sequence[Event]]) -> list[Documents]:
    """What a job makes of each of the arrivals, in one batch: each is the city of another tenant meanwhile."""
    every = [{**e, "tenant": f"t{n}"} for n, events in enumerate(arrivals) for e in events]
    found: list[Documents] = [{} for _ in arrivals]
    for id_, document in expected(spark, job, every).items():
        tenant, _, rest = id_.partition("|")
        found[int(tenant[1:])][rest] = {**document, "tenant": ""}
    return found
