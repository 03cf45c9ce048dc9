from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pytest
from confluent_kafka import KafkaError
from prometheus_client import REGISTRY

from connectors import intake as intake_module
from connectors.cursor import Cursor
from connectors.feed import Feed
from connectors.letters import letter
from connectors.model import Payload, Reason, Rejected
from connectors.producer import ProduceError
from runtime.avro import encoder
from schemas import contract
from tests.connectors.benches import NOW, Bench
from tests.connectors.scripted import until

LOST = KafkaError(KafkaError._MSG_TIMED_OUT)


def count(bench: Bench, outcome: str) -> float:
    labels = {"feed": bench.feed.id, "tenant": "toulouse", "outcome": outcome}
    return REGISTRY.get_sample_value("garonne_feed_records_total", labels) or 0.0


def test_a_delivery_is_acknowledged_when_kafka_has_all_its_records_and_not_before(bench: Bench) -> None:
    async def main() -> None:
        intake = bench.intake()
        await intake.deliver(bench.delivery("s1", "s2"))
        bench.producer.acknowledge(0)
        await intake.unsettled.save()
        assert bench.acknowledged == []
        assert bench.cursor.position("a") is None
        assert count(bench, "accepted") == 0
        bench.producer.acknowledge(1)
        assert bench.acknowledged == []
        await intake.unsettled.save()
        assert bench.acknowledged == ["a"]
        assert bench.cursor.position("a") == {"at": "a"}
        assert count(bench, "accepted") == 2

    asyncio.run(main())


def test_acknowledgements_keep_the_order_of_delivery(bench: Bench) -> None:
    async def main() -> None:
        intake = bench.intake()
        await intake.deliver(bench.delivery("s1", name="a"))
        await intake.deliver(bench.delivery("s2", name="b"))
        bench.producer.acknowledge(1)
        await intake.unsettled.save()
        assert bench.acknowledged == []
        bench.producer.acknowledge(0)
        await intake.unsettled.save()
        assert bench.acknowledged == ["a", "b"]

    asyncio.run(main())


def test_an_observation_seen_again_is_counted_and_not_sent(bench: Bench) -> None:
    async def main() -> None:
        intake = bench.intake()
        await intake.deliver(bench.delivery("s1", "s1", ["s1", 5]))
        await intake.deliver(bench.delivery("s1", "s2"))
        bench.producer.acknowledge()
        assert bench.entities == ["s1", "s1", "s2"]
        assert (count(bench, "accepted"), count(bench, "duplicate")) == (3, 2)

    asyncio.run(main())


def test_a_repeat_is_acknowledged_after_its_original(bench: Bench) -> None:
    async def main() -> None:
        intake = bench.intake()
        await intake.deliver(bench.delivery("s1", name="original"))
        await intake.deliver(bench.delivery("s1", name="repeat"))
        await intake.unsettled.save()
        assert bench.acknowledged == []
        bench.producer.acknowledge()
        await intake.unsettled.save()
        assert bench.acknowledged == ["original", "repeat"]

    asyncio.run(main())


def test_after_a_restart_what_kafka_has_is_known_and_what_it_lost_is_sent_again(bench: Bench, tmp_path: Path) -> None:
    async def main() -> None:
        bench.cursor = Cursor(tmp_path / "c.json")
        first = bench.intake()
        await first.deliver(bench.delivery("s1"))
        bench.producer.acknowledge(0)
        await first.deliver(bench.delivery("s2", name="b"))
        await bench.cursor.save()
        bench.cursor = Cursor(tmp_path / "c.json")
        await bench.intake().deliver(bench.delivery("s1", "s2"))
        assert bench.entities == ["s1", "s2", "s2"]

    asyncio.run(main())


def test_a_record_that_kafka_loses_ends_the_intake_and_acknowledges_nothing_after_it(bench: Bench) -> None:
    async def main() -> None:
        intake = bench.intake()
        await intake.deliver(bench.delivery("s1", name="a"))
        await intake.deliver(bench.delivery("s2", name="b"))
        bench.producer.acknowledge(0, error=LOST)
        bench.producer.acknowledge(1)
        with pytest.raises(ProduceError):
            await intake.unsettled.failure()
        await intake.unsettled.save()
        assert bench.acknowledged == []
        assert bench.cursor.position("b") is None

    asyncio.run(main())


def test_a_bad_record_becomes_one_dead_letter_and_the_rest_arrives(bench: Bench) -> None:
    async def main() -> None:
        intake = bench.intake()
        await intake.deliver(bench.delivery("s1", "bad", "s2"))
        bench.producer.acknowledge()
        await intake.unsettled.save()
        assert bench.entities == ["s1", "s2"]
        (letter,) = bench.letters
        assert (letter["reason"], letter["stage"], letter["place"]) == ("malformed", "decode", "topic [1]")
        assert letter["payload_size_bytes"] == 3
        assert (count(bench, "accepted"), count(bench, "rejected")) == (2, 1)
        assert bench.acknowledged == ["a"]

    asyncio.run(main())


def test_the_same_bad_record_at_each_poll_is_one_letter_and_counted_each_time(bench: Bench) -> None:
    async def main() -> None:
        intake = bench.intake()
        await intake.deliver(bench.delivery("s1", "bad"))
        await intake.deliver(bench.delivery("bad", "s2"))
        bench.producer.acknowledge()
        assert len(bench.letters) == 1
        assert count(bench, "rejected") == 2

    asyncio.run(main())


def test_received_is_accepted_and_rejected_and_duplicate(bench: Bench) -> None:
    async def main() -> None:
        items = ["s1", "s1", "bad", "", ["s2", -60], "s3"]
        await bench.intake().deliver(bench.delivery(*items))
        bench.producer.acknowledge()
        counts = [count(bench, outcome) for outcome in ("accepted", "duplicate", "rejected")]
        assert counts == [2, 1, 3]
        assert sum(counts) == len(items)

    asyncio.run(main())


def test_a_format_that_breaks_down_costs_the_payload_and_not_the_feed(bench: Bench) -> None:
    async def main() -> None:
        intake = bench.intake()
        await intake.deliver(bench.delivery("s1", "crash", "s2"))
        await intake.deliver(bench.delivery("s3", name="b"))
        bench.producer.acknowledge()
        await intake.unsettled.save()
        assert bench.entities == ["s1", "s3"]
        assert [letter["detail"] for letter in bench.letters] == [
            "the format broke down: RuntimeError: a mistake of the format"
        ]
        assert bench.acknowledged == ["a", "b"]

    asyncio.run(main())


def test_what_a_transport_refuses_is_a_letter_of_the_connector(bench: Bench) -> None:
    async def main() -> None:
        problem = Rejected(Reason.HOSTILE, "a bomb", "topic", b"x" * 10)
        await bench.intake().deliver(bench.delivery("s1", problem=problem))
        (letter,) = bench.letters
        assert (letter["stage"], letter["reason"], letter["place"]) == ("connector", "hostile", "topic")
        assert bench.entities == []

    asyncio.run(main())


def test_a_record_that_is_too_large_is_a_dead_letter(bench: Bench) -> None:
    async def main() -> None:
        bench.feed = bench.feed.model_copy(update={"max_record_bytes": 50})
        await bench.intake().deliver(bench.delivery("s1"))
        assert [letter["reason"] for letter in bench.letters] == ["too_large"]
        assert bench.entities == []

    asyncio.run(main())


def test_letters_fit_their_contract_whatever_is_in_them(weather_feed: Feed) -> None:
    payload = Payload(b"", "p" * 5_000, NOW, "t" * 500)
    rejected = Rejected(Reason.MALFORMED, "\ud800" * 5_000, "q" * 5_000, b"x" * 3_000_000)
    made = letter(weather_feed, payload, rejected, "decode", NOW)
    described = contract("dead_letter")
    assert len(encoder(described, 1)(made)) < 1_100_000
    assert made["payload_size_bytes"] == 3_000_000
    for name in ("detail", "place", "content_type", "dead_letter_id"):
        limit = next(f.max_length for f in described.fields if f.name == name)
        assert limit is not None
        assert len(made[name]) <= limit


def test_a_large_payload_waits_when_kafka_has_too_much_to_do(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_module, "MAX_UNSETTLED_RECORDS", 400)

    async def main() -> None:
        items = [[f"s{n}", 0] for n in range(1_000)]
        intake = bench.intake()
        task = asyncio.create_task(intake.deliver(bench.delivery(*items)))
        await until(lambda: len(bench.producer.sent) == 400)
        await asyncio.sleep(0)
        assert len(bench.producer.sent) == 400
        while not task.done():
            bench.producer.acknowledge()
            await asyncio.sleep(0)
        bench.producer.acknowledge()
        await intake.unsettled.save()
        assert bench.acknowledged == ["a"]
        assert len(set(bench.entities)) == 1_000

    asyncio.run(main())


def test_other_tasks_run_while_a_large_payload_is_taken(bench: Bench) -> None:
    async def main() -> int:
        turns = 0
        delivering = asyncio.create_task(bench.intake().deliver(bench.delivery(*[[f"s{n}", 0] for n in range(5_000)])))
        while not delivering.done():
            turns += 1
            await asyncio.sleep(0)
        return turns

    assert asyncio.run(main()) > 20


def test_values_of_the_reference_are_used(bench: Bench) -> None:
    async def main() -> None:
        intake = bench.intake()
        intake.reference = {"s1": {"elevation_m": 150.0}}
        await intake.deliver(bench.delivery("s1"))
        assert orjson.loads(bench.producer.sent[0][2])["elevation_m"] == 150.0

    asyncio.run(main())


def test_draining_waits_for_what_is_on_its_way(bench: Bench) -> None:
    async def main() -> None:
        intake = bench.intake()
        await intake.deliver(bench.delivery("s1"))
        draining = asyncio.create_task(intake.drain())
        await asyncio.sleep(0)
        assert not draining.done()
        bench.producer.acknowledge()
        await draining
        assert bench.acknowledged == ["a"]

    asyncio.run(main())
