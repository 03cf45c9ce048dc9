"""The archive over real Kafka: all that was accepted, once, and enough to compute the past again without Kafka."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from pyspark.sql import DataFrame, SparkSession

from jobs.engine import archive
from jobs.engine.archive import Archive, event_tables
from jobs.engine.compaction import compact, stored
from jobs.engine.context import Context
from jobs.engine.past import CLOCK_TOLERANCE, Past
from jobs.engine.replay import NothingKeptError, Span, replay
from jobs.engine.runner import drain
from jobs.engine.streams import job_query
from jobs.engine.tables import ArchiveMismatchError, Reached, Table
from jobs.job import all_jobs
from runtime.elastic.documents import found
from runtime.endpoints import Endpoints
from runtime.kafka import held
from schemas import contract
from tests.faults.figures import send
from tests.servers import events as city
from tests.servers.drivers import begin_anew, submit
from tests.servers.stacks import until

pytestmark = [pytest.mark.servers, pytest.mark.spark]

SEED = 4
TENANT = "archived"
JOB = all_jobs()["parking_by_site"]
Keys = list[tuple[str, datetime, datetime]]


@pytest.fixture(scope="module")
def sent() -> dict[str, list[city.Event]]:
    """What is sent: out of order, a tenth of it twice."""
    rng = random.Random(SEED)
    within = timedelta(hours=3)
    return {n: city.disordered(rng, e, within, repeats=0.1) for n, e in city.events(SEED, TENANT).items()}


@pytest.fixture(scope="module")
def context(
    own_topics: Endpoints, sent: dict[str, list[city.Event]], tmp_path_factory: pytest.TempPathFactory
) -> Context:
    """Topics with a city's events, and garbage between."""
    made = Context(own_topics, tmp_path_factory.mktemp("state"))
    made.prepare()
    begin_anew(made)
    for name, events in sent.items():
        city.produce(made, name, events)
        send(made, contract(name).topic, TENANT, [b"\x00\x00\x00\x00\x01 not avro", b""])
    return made


@pytest.fixture(scope="module")
def archived(context: Context, spark: SparkSession) -> Context:
    """The same, carried into the archive."""
    Archive(spark, context).carry()
    return context


def table(spark: SparkSession, context: Context, name: str) -> Table:
    return Table(spark, contract(name), context.archive)


def past(spark: SparkSession, context: Context, name: str) -> Past:
    return Past.of(spark, contract(name), context)


def keys(rows: DataFrame) -> Keys:
    found = rows.select("entity_id", "observed_at", "ingested_at").collect()
    return sorted((r.entity_id, r.observed_at.astimezone(UTC), r.ingested_at.astimezone(UTC)) for r in found)


def keys_of(events: Iterable[city.Event]) -> Keys:
    return sorted((e["entity_id"], e["observed_at"], e["ingested_at"]) for e in events)


def delete_all(context: Context, name: str) -> None:
    """What retention does: the topic goes on, and what it held is gone."""
    topic, bootstrap = contract(name).topic, context.endpoints.kafka_bootstrap
    ends = held(bootstrap, [topic])[topic].end
    asked = [TopicPartition(topic, p, offset) for p, offset in ends.items()]
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.delete_records(asked).values():
        future.result(30)
    assert held(bootstrap, [topic])[topic].first == ends


@pytest.mark.parametrize("name", ["weather_observed", "parking_observed", "parking_spot_observed"])
def test_the_archive_is_what_was_accepted(
    name: str, archived: Context, sent: dict[str, list[city.Event]], spark: SparkSession
) -> None:
    assert keys(table(spark, archived, name).rows()) == keys_of(sent[name])


def test_a_driver_that_remembers_nothing_archives_nothing_twice(archived: Context, spark: SparkSession) -> None:
    before = {t.identifier: t.rows().count() for t in event_tables(spark, archived)}
    Archive(spark, archived).carry()
    assert {t.identifier: t.rows().count() for t in event_tables(spark, archived)} == before


def test_an_event_that_came_late_belongs_to_its_own_day(
    archived: Context, sent: dict[str, list[city.Event]], spark: SparkSession
) -> None:
    name = "bike_station_observed"
    late = {**sent[name][0], "observed_at": city.START - timedelta(days=3), "entity_id": "late"}
    city.produce(archived, name, [late])
    since, until = city.START - timedelta(days=4), city.START
    assert keys(past(spark, archived, name).events(since, until)) == keys_of([late])
    assert keys(past(spark, archived, name).events()) == keys_of([*sent[name], late])
    Archive(spark, archived).carry()
    assert keys(past(spark, archived, name).events(since, until)) == keys_of([late])
    assert keys(table(spark, archived, name).rows()) == keys_of([*sent[name], late])


def test_a_compaction_changes_no_readers_result(
    archived: Context, sent: dict[str, list[city.Event]], spark: SparkSession
) -> None:
    name = "traffic_flow_observed"
    traffic = table(spark, archived, name)
    for n in range(5):
        again = {**sent[name][n], "entity_id": f"again-{n}"}
        city.produce(archived, name, [again])
        sent[name].append(again)
        Archive(spark, archived).carry()
    files = stored(traffic).files
    compact(traffic, past(spark, archived, name).reached)
    assert stored(traffic).files < files
    assert keys(past(spark, archived, name).events()) == keys_of(sent[name])
    Archive(spark, archived).carry()
    assert keys(traffic.rows()) == keys_of(sent[name])


def test_a_replay_without_what_kafka_held_gives_what_was_live(archived: Context, spark: SparkSession) -> None:
    closing = {**city.events(SEED, TENANT)["parking_observed"][0], "observed_at": city.START + timedelta(days=2)}
    city.produce(archived, "parking_observed", [{**closing, "entity_id": "closing"}])
    drain([job_query(spark, JOB, archived)])
    Archive(spark, archived).carry()
    index = contract(JOB.result).alias
    archived.es.indices.refresh(index=index)
    live = found(archived.es, index, tenant=TENANT, **JOB.part)
    assert len(live) > 100
    delete_all(archived, "parking_observed")
    spoilt = archived.es.delete_by_query(index=index, query={"term": {"tenant": TENANT}}, refresh=True)
    assert spoilt["deleted"] >= len(live)
    replay(spark, JOB, archived, Span(city.START, city.START + timedelta(days=1)))
    archived.es.indices.refresh(index=index)
    again = found(archived.es, index, tenant=TENANT, **JOB.part)
    assert again == {i: d for i, d in live.items() if d["entity_id"] != "closing"}


def test_what_was_deleted_before_it_was_archived_is_said_and_its_windows_are_left_alone(
    context: Context, spark: SparkSession, tmp_path: Path
) -> None:
    name, job = "vehicle_position", next(j for j in all_jobs().values() if j.reads == "vehicle_position")
    alone = Context(context.endpoints, tmp_path)
    events = city.events(SEED, TENANT)[name]
    city.produce(alone, name, events[:50])
    delete_all(alone, name)
    with pytest.raises(NothingKeptError, match="only since"):
        replay(spark, job, alone, Span(city.START, city.START + timedelta(hours=2)))
    begun = datetime.now(UTC)
    city.produce(alone, name, events[50:100])
    Archive(spark, alone).carry()
    delete_all(alone, name)
    kept = past(spark, alone, name)
    assert keys(kept.events()) == keys_of(events[50:100])
    assert kept.missing_before is not None
    assert begun - CLOCK_TOLERANCE < kept.missing_before < datetime.now(UTC)
    Archive(spark, alone).carry()
    assert past(spark, alone, name).missing_before == kept.missing_before


def test_a_table_that_cannot_be_written_holds_up_no_other_and_is_tried_again(
    context: Context, spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, append, broken = Context(context.endpoints, tmp_path), Table.append, [True]

    def failing(table: Table, events: DataFrame, reached: Reached) -> None:
        if table.contract.name == "bike_station_observed" and broken:  # the first of them
            raise OSError("the store does not answer")
        append(table, events, reached)

    monkeypatch.setattr(Table, "append", failing)
    monkeypatch.setattr(archive, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(archive, "ENOUGH_RECORDS", 1)
    with Archive(spark, own):
        until(lambda: table(spark, own, "weather_observed").exists(), "the last table is there", 120)
        until(lambda: bool(past(spark, own, "weather_observed").reached.offsets), "and filled", 120)
        assert not past(spark, own, "bike_station_observed").reached.offsets
        broken.clear()
        until(lambda: bool(past(spark, own, "bike_station_observed").reached.offsets), "the first is filled", 120)


def test_a_contract_that_its_table_cannot_follow_is_refused_and_holds_up_no_other(
    context: Context, spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, prepare = Context(context.endpoints, tmp_path), Table.prepare

    def refusing(table: Table) -> None:
        if table.contract.name == "bike_station_observed":
            raise ArchiveMismatchError("t is string and was archived as double")
        prepare(table)

    monkeypatch.setattr(Table, "prepare", refusing)
    with pytest.raises(ArchiveMismatchError, match="was archived as double"):
        Archive(spark, own).carry()
    assert past(spark, own, "weather_observed").reached.offsets


@pytest.mark.faults
def test_drivers_killed_while_they_archive_leave_every_event_once(
    context: Context, sent: dict[str, list[city.Event]], spark: SparkSession, tmp_path: Path
) -> None:
    there = tmp_path / "archive" / "city"
    for tables in (1, 3):
        submit(
            tmp_path,
            context.endpoints,
            ["archive", "--available-now"],
            kill_when=lambda wanted=tables: len(list(there.glob("*/metadata/snap-*.avro"))) >= wanted,
        )
    submit(tmp_path, context.endpoints, ["archive", "--available-now"])
    own = Context(context.endpoints, tmp_path)
    for name in ("weather_observed", "parking_spot_observed"):
        assert keys(table(spark, own, name).rows()) == keys_of(sent[name])
