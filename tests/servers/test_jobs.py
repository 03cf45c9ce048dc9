"""The jobs over real Kafka and Elasticsearch: live equals the batch, whatever arrives in what order, killed or not."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from pyspark.sql import SparkSession

from jobs.engine.context import Context
from jobs.engine.replay import Span, figures, replay
from jobs.engine.runner import drain
from jobs.engine.sink import documents
from jobs.engine.streams import job_query, observations_query
from jobs.job import Job, all_jobs
from runtime.endpoints import Endpoints
from schemas import contract, contracts
from tests.servers import events as city
from tests.servers.drivers import begin_anew, submit

pytestmark = [pytest.mark.servers, pytest.mark.spark]

SEED = 20261122
WITHIN = timedelta(hours=3)  # less than any job's lateness
Documents = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def context(own_topics: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Context:
    """The test servers, with folders of this module's own and small micro-batches."""
    made = Context(own_topics, tmp_path_factory.mktemp("state"), max_offsets_per_trigger=2500)
    made.prepare()
    begin_anew(made)
    return made


@pytest.fixture(scope="module")
def filled(context: Context) -> Context:
    """Topics that hold a city's events out of order, some twice, with garbage between."""
    rng = random.Random(SEED)
    for name, ordered in city.events(SEED, "colomiers").items():
        city.produce(context, name, city.disordered(rng, ordered, WITHIN, repeats=0.1))
        garbage(context, contract(name).topic, 3)
    return context


@pytest.fixture(scope="module")
def drained(filled: Context, spark: SparkSession) -> Context:
    """The same, worked off by all the streams."""
    queries = [job_query(spark, job, filled) for job in all_jobs().values()]
    drain([observations_query(spark, filled), *queries])
    drain([observations_query(spark, filled)])  # the dead letters it sent itself
    filled.es.indices.refresh(index="city-*")
    return filled


def garbage(context: Context, topic: str, count: int) -> None:
    producer = Producer({"bootstrap.servers": context.endpoints.kafka_bootstrap})
    for n in range(count):
        producer.produce(topic, b"\x00\x00\x00\x00\x01 not avro %d" % n, b"colomiers/x")
    assert producer.flush(60) == 0


def found(context: Context, index: str, tenant: str = "colomiers") -> Documents:
    """Every document of a tenant."""
    query = {"term": {"tenant": tenant}}
    hits: list[Any] = []
    while True:
        after = {"search_after": hits[-1]["sort"]} if hits else {}
        page = context.es.search(index=index, query=query, size=5000, sort=["_index", "_doc"], **after)["hits"]["hits"]
        hits += page
        if len(page) < 5000:
            return {h["_id"]: h["_source"] for h in hits}


def oracle(spark: SparkSession, context: Context, job: Job, tenant: str = "colomiers") -> Documents:
    """What the job's function makes of the whole topic as a batch, for one tenant."""
    rows = documents(figures(spark, job, context), contract(job.result)).collect()
    return {r.id: json.loads(r.source) for r in rows if r.id.startswith(f"{tenant}|")}


def of_job(job: Job, every: Documents) -> Documents:
    """Those documents of a result that this job writes; the parking jobs share one."""
    return {i: d for i, d in every.items() if all(d[name] == value for name, value in job.part.items())}


def test_there_are_jobs_of_three_trades() -> None:
    assert {"heat_island_hourly", "parking_occupancy", "traffic_by_segment"} <= {j.result for j in all_jobs().values()}


@pytest.mark.parametrize("name", all_jobs())
def test_the_stream_equals_the_batch_document_by_document(name: str, drained: Context, spark: SparkSession) -> None:
    job = all_jobs()[name]
    expected = oracle(spark, drained, job)
    assert expected
    assert of_job(job, found(drained, contract(job.result).alias)) == expected


def test_every_observation_is_there_once(drained: Context) -> None:
    for name, ordered in city.events(SEED, "colomiers").items():
        ids = {f"{e['entity_id']}|{e['observed_at']:%FT%T}" for e in ordered}
        docs = found(drained, contract(name).alias)
        assert {f"{d['entity_id']}|{d['observed_at'][:19]}" for d in docs.values()} == ids
        assert len(docs) == len(ids)


def test_the_latest_state_of_each_entity_is_its_newest(drained: Context) -> None:
    for name, ordered in city.events(SEED, "colomiers").items():
        newest = {e["entity_id"]: f"{e['observed_at']:%FT%T}" for e in ordered}
        docs = found(drained, contract(name).latest_alias)
        assert {d["entity_id"]: d["observed_at"][:19] for d in docs.values()} == newest


def test_garbage_is_counted_exactly_and_stops_nothing(drained: Context) -> None:
    letters = found(drained, "city-dead_letter").values()
    events = [c for c in contracts().values() if c.has_latest]
    assert sorted(d["feed"] for d in letters) == sorted(c.topic for c in events for _ in range(3))
    assert {d["reason"] for d in letters} == {"malformed"}


def test_a_replay_gives_what_the_stream_gave(drained: Context, spark: SparkSession) -> None:
    job = all_jobs()["parking_by_site"]
    index = contract(job.result).alias
    before = of_job(job, found(drained, index))
    span = Span(city.START, city.START + timedelta(hours=city.HOURS))
    # a day later, so that no window is open any more
    later = [
        {**e, "observed_at": e["observed_at"] + timedelta(days=1)} for e in city.events(1, "balma")["parking_observed"]
    ]
    city.produce(drained, "parking_observed", later[:1])
    spoil = next(iter(before))
    drained.es.delete(index="city-parking_occupancy-colomiers-2026.07", id=spoil, refresh=True)
    outcome = replay(spark, job, drained, span)
    drained.es.indices.refresh(index=index)
    assert outcome.refused == 0
    assert of_job(job, found(drained, index)) == before


def test_a_driver_killed_in_the_middle_leaves_the_same_documents(
    context: Context, spark: SparkSession, tmp_path: Path
) -> None:
    for name in ("parking_observed", "traffic_flow_observed"):
        city.produce(context, name, city.events(7, "blagnac")[name])
    jobs = [all_jobs()[name] for name in ("parking_by_site", "traffic_by_segment")]

    def some_but_not_all() -> bool:
        context.es.indices.refresh(index="city-*")
        return _count(context, "city-traffic_by_segment", "blagnac") > 0

    submit(tmp_path, context.endpoints, [*(job.name for job in jobs), "observations"], kill_when=some_but_not_all)
    _forget_last_commit(tmp_path / "checkpoints" / "traffic_by_segment")
    again = Context(context.endpoints, tmp_path)
    drain([observations_query(spark, again), *(job_query(spark, job, again) for job in jobs)])
    context.es.indices.refresh(index="city-*")
    for job in jobs:
        expected = oracle(spark, context, job, "blagnac")
        assert expected
        assert of_job(job, found(context, contract(job.result).alias, "blagnac")) == expected


def _count(context: Context, index: str, tenant: str) -> int:
    query = {"term": {"tenant": tenant}}
    return int(context.es.count(index=index, query=query, ignore_unavailable=True)["count"])


def _forget_last_commit(checkpoint: Path) -> None:
    """The state after "written, not yet committed": Spark repeats the last batch with the same rows."""
    commits = sorted((p for p in (checkpoint / "commits").iterdir() if p.name.isdigit()), key=lambda p: int(p.name))
    for path in (commits[-1], commits[-1].with_name(f".{commits[-1].name}.crc")) if commits else ():
        path.unlink(missing_ok=True)
