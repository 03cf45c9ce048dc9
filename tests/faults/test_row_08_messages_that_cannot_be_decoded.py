"""Row 8: messages that are no events. Each is one dead letter, none is part of a figure, and the queries live on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from jobs.engine.context import Context
from jobs.engine.decoding import END_FIELD, decoded, is_sound
from jobs.engine.observations import collect
from jobs.job import all_jobs
from runtime.avro import Decoder, encoder
from runtime.avro_as_java import ints
from runtime.registry import UnknownSchemaError
from schemas import Contract, contract
from tests.faults import figures
from tests.servers import events as city

PARKING = contract("parking_observed")
BY_SITE = all_jobs()["parking_by_site"]
SENT = datetime(9999, 12, 31, 22, tzinfo=UTC)  # so late that no time is in the future
EVENTS = city.events(8, "row08")["parking_observed"]
GOOD = encoder(PARKING, 1)(EVENTS[0])
HEADER, BODY = GOOD[:5], GOOD[5:]
SOURCES = [contract(name) for name in city.events(8, "row08")]
ODD_BYTES = (0, 1, 2, 3, 4, 5, 7, 9, 127, 128, 129, 130, 131, 191, 192, 254, 255)  # -1 is 1, and -2 is 3
LARGE = (2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**33 + 5, -(2**33) - 5, 2**34 - 1, -(2**34), 2**34, 2**62, -(2**62))
JAVA_BYTES = 5  # of a branch or an int
TWO_GIGABYTES = b"\xfe\xff\xff\xff\x0d"  # as a length in Avro

random_bytes = st.binary(max_size=80).filter(lambda b: b[:1] != b"\0")
truncated = st.integers(0, len(GOOD) - 1).map(lambda n: GOOD[:n])
wrong_magic = st.integers(1, 255).map(lambda b: bytes([b]) + GOOD[1:])
unknown_schema = st.integers(1000, 2**32 - 1).map(lambda n: b"\0" + n.to_bytes(4, "big") + BODY)
lengthened = st.binary(min_size=1, max_size=4).map(lambda rest: GOOD + rest)
broken = st.one_of(random_bytes, truncated, wrong_magic, unknown_schema, lengthened)
changed = st.lists(st.tuples(st.integers(0, len(BODY) - 1), st.integers(0, 255)), min_size=1, max_size=3).map(
    lambda changes: HEADER + bytes(dict(changes).get(i, b) for i, b in enumerate(BODY))
)
anything = st.one_of(broken, changed, st.binary(max_size=90).map(HEADER.__add__))


@dataclass(frozen=True)
class OneSchema:
    of: Contract

    def schema(self, number: int) -> dict[str, Any]:
        if number != 1:
            raise UnknownSchemaError(f"no schema has number {number}")
        return self.of.avro


def accepted(values: list[bytes], of: Contract = PARKING) -> list[int]:
    """Which messages the query that indexes observations takes for events; each of the others is one dead letter."""
    read = Decoder(of, OneSchema(of))

    def decode(_: str, value: bytes) -> tuple[Contract, Mapping[str, Any]]:
        return of, read(value)

    said = {"key": b"row08/x", "topic": of.topic, "partition": 0, "timestamp": SENT}
    outcomes = [collect([{**said, "value": v, "offset": n}], decode) for n, v in enumerate(values)]  # type: ignore[arg-type]
    assert all(len(o.observations) + len(o.letters) == 1 for o in outcomes)
    return [n for n, o in enumerate(outcomes) if o.observations]


def counted(spark: SparkSession, values: list[bytes], of: Contract = PARKING) -> dict[int, dict[str, Any]]:
    """The messages that the jobs take for events, and the events."""
    messages = spark.createDataFrame([(n, bytearray(v)) for n, v in enumerate(values)], "n int, value binary")
    events = messages.select("n", F.explode(F.array(decoded(of, {1: of.avro}))).alias("event"))
    rows = events.where(is_sound("event", of)).orderBy("n").collect()
    return {
        row.n: {f: v for f, v in row.event.asDict(recursive=True).items() if f != END_FIELD["name"]} for row in rows
    }


def written(**changes: Any) -> bytes:
    return encoder(PARKING, 1)({**EVENTS[0], **changes})


@settings(max_examples=300, deadline=None)
@given(anything)
def test_any_bytes_are_an_event_or_a_dead_letter(value: bytes) -> None:
    accepted([value])


@settings(max_examples=300, deadline=None)
@given(broken)
def test_broken_bytes_are_a_dead_letter(value: bytes) -> None:
    assert accepted([value]) == []


@pytest.mark.spark
@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # many values in one Spark query
@settings(
    max_examples=3, deadline=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(values=st.lists(anything, min_size=150, max_size=400))
def test_what_is_a_dead_letter_is_in_no_figure(spark: SparkSession, values: list[bytes]) -> None:
    mixed = [one for value in values for one in (value, GOOD)]
    assert list(counted(spark, mixed)) == accepted(mixed)


@pytest.mark.spark
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@pytest.mark.parametrize("of", SOURCES, ids=lambda of: of.name)
def test_what_is_an_event_is_the_same_event_in_the_figures(spark: SparkSession, of: Contract) -> None:
    """Each byte of a message as another, and each small number longer than it has to be, as far as Java reads on."""
    event = city.events(8, "row08")[of.name][0]
    good = encoder(of, 1)(event)
    places = range(len(HEADER), len(good))
    values = [good[:n] + bytes([b]) + good[n + 1 :] for n in places for b in ODD_BYTES if b != good[n]]
    small = [n for n in places if good[n - 1] < 128]  # the first byte of its number, if it is one
    values += [good[:n] + longer(good[n], by) + good[n + 1 :] for n in small for by in range(1, JAVA_BYTES)]
    wide = of.model_copy(update={"avro": json.loads(json.dumps(of.avro).replace('"int"', '"long"'))})
    values += [encoder(wide, 1)({**event, name: large}) for name in ints(of.avro) for large in LARGE]
    read, figures_read = Decoder(of, OneSchema(of)), counted(spark, values, of)
    events = accepted(values, of)
    assert len(values) // 10 < len(events) < len(values) - len(values) // 10
    assert events == list(figures_read)
    assert [repr(as_row(read(values[n]))) for n in events] == [repr(figures_read[n]) for n in events]


def longer(first: int, by: int) -> bytes:
    """A byte as the start of a number that says it in more bytes."""
    return bytes([first | 0x80]) + b"\x80" * (by - 1) + b"\0"


def as_row(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event with its times as Spark gives them to Python."""
    return {
        name: value.astimezone().replace(tzinfo=None) if isinstance(value, datetime) else value
        for name, value in event.items()
    }


@pytest.mark.spark
@pytest.mark.parametrize(
    "value",
    [
        HEADER + TWO_GIGABYTES + BODY[1:],
        HEADER + BODY[: BODY.index(b"\x00\x00\x08site")] + TWO_GIGABYTES + BODY,
        GOOD + b"\0",
        GOOD.replace(b"parking_observed", b"parking\xffobserved"),
        written(tenant="Row08"),
        written(tenant="row08\n"),
        written(tenant=""),
        written(tenant="x" * 65),
        GOOD.replace(BODY[14:22], b"\xfe\xff\xff\xff\xff\xff\xff\x7f"),
    ],
    ids=[
        "text of 2 GB",
        "list of 2 billion",
        "byte too many",
        "not UTF-8",
        "tenant in capitals",
        "tenant with a line's end",
        "no tenant",
        "tenant too long",
        "year 148,000",
    ],
)
def test_hostile_bytes_are_a_dead_letter_and_in_no_figure(spark: SparkSession, value: bytes) -> None:
    assert accepted([GOOD, value, GOOD]) == list(counted(spark, [GOOD, value, GOOD])) == [0, 2]


@pytest.mark.spark
@pytest.mark.servers
def test_the_queries_live_on_and_each_message_is_one_dead_letter(spark: SparkSession, context: Context) -> None:
    poison = drawn(400)
    produce = [EVENTS[: len(EVENTS) // 2], EVENTS[len(EVENTS) // 2 :]]
    city.produce(context, PARKING.name, produce[0])
    figures.send(context, PARKING.topic, "row08", poison)
    figures.work_off(spark, context, [BY_SITE])
    city.produce(context, PARKING.name, produce[1])
    figures.work_off(spark, context, [BY_SITE], with_letters=True)
    letters = figures.letters(context, "row08")
    assert len(letters) == len(poison)
    assert len({letter["place"] for letter in letters}) == len(poison)
    assert {letter["reason"] for letter in letters} == {"malformed", "unknown_schema"}
    assert figures.observed(context, PARKING.name, "row08") == figures.keys(EVENTS)
    assert figures.indexed(context, BY_SITE, "row08") == figures.expected(spark, BY_SITE, EVENTS)


def drawn(count: int) -> list[bytes]:
    """So many messages that are no events, each another."""
    found: list[bytes] = []

    @settings(max_examples=1, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(broken, min_size=count, max_size=count, unique=True))
    def draw(values: list[bytes]) -> None:
        found[:] = values

    draw()
    return found


@pytest.mark.spark
@pytest.mark.servers
def test_an_event_that_no_document_can_be_made_of_is_a_dead_letter_and_stops_nothing(
    spark: SparkSession, context: Context
) -> None:
    """Elasticsearch refuses these together with all that is in the same request."""
    tenant = "row08ids"
    sound = [{**e, "tenant": tenant} for e in EVENTS[:40]]
    too_long = {**sound[0], "entity_id": "x" * 600}
    too_old = {**sound[0], "entity_id": "old", "ingested_at": datetime(1969, 1, 1, tzinfo=UTC)}
    city.produce(context, PARKING.name, [*sound[:20], too_long, too_old, *sound[20:]])
    figures.work_off(spark, context, [BY_SITE], with_letters=True)
    assert figures.observed(context, PARKING.name, tenant) == figures.keys(sound)
    letters = figures.letters(context, tenant)
    assert {letter["reason"] for letter in letters} == {"refused_by_index"}
    observations = [x for x in letters if x["place"].startswith("city-parking_observed-")]
    assert sorted(x["place"].split("|")[1][:3] for x in observations) == ["old", "xxx"]
    documents = figures.expected(spark, BY_SITE, [*sound, too_old])
    assert figures.indexed(context, BY_SITE, tenant) == documents
