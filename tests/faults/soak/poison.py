"""Messages that no job can use, each with the dead letter it has to become."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from confluent_kafka import KafkaError, Message, Producer

from jobs.engine.context import Context
from runtime.avro import HEADER_BYTES, MAGIC, encoder
from runtime.dead_letters import dead_letter
from schemas import Contract, Kind, contracts
from schemas.validation import example
from tests.faults.soak.city import TENANT

UNKNOWN_NUMBER = 987_654
FLUSH_SECONDS = 180
KEY = f"{TENANT}/poison".encode()

Encode = Callable[[Mapping[str, Any]], bytes]


@dataclass(frozen=True)
class Poison:
    """A message, and the reason for which it has to be refused."""

    topic: str
    value: bytes | None
    reason: str


def poisons(rng: Random, context: Context, count: int) -> list[Poison]:
    """Random bytes, wrong magic, unknown schemas, torn events, none at all, events of times to come and of no place."""
    events = [c for c in contracts().values() if c.kind is Kind.EVENT]
    encoders = {c.name: encoder(c, context.registry.register(c)) for c in events}
    chosen = rng.choices(events, k=count)
    return [_poison(rng, c, encoders[c.name], n) for n, c in enumerate(chosen)]


def send(context: Context, every: list[Poison]) -> set[str]:
    """Send them; the ids of the letters they have to become.

    Raises:
        OSError: Kafka does not take them.
    """
    producer = Producer({"bootstrap.servers": context.endpoints.kafka_bootstrap, "enable.idempotence": True})
    letters: set[str] = set()

    def taken(poison: Poison) -> Callable[[KafkaError | None, Message], None]:
        def note(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                raise OSError(error.str())
            letters.add(_letter(poison, message))

        return note

    for poison in every:
        producer.produce(poison.topic, poison.value, KEY, on_delivery=taken(poison))
    if producer.flush(FLUSH_SECONDS):
        raise OSError(f"Kafka did not take the poison within {FLUSH_SECONDS} s")
    return letters


def _poison(rng: Random, contract: Contract, encode: Encode, number: int) -> Poison:
    good = encode(_event(rng, contract, datetime.now(UTC)))
    future = encode(_event(rng, contract, datetime.now(UTC) + timedelta(days=3650)))
    nowhere = encode({**_event(rng, contract, datetime.now(UTC)), "tenant": "../No Such Place"})
    kinds: list[tuple[bytes | None, str]] = [
        (b"\xff" + rng.randbytes(rng.randrange(200)), "malformed"),
        (b"\x01" + good[1:], "malformed"),
        (good[: HEADER_BYTES + rng.randrange(len(good) - HEADER_BYTES)], "malformed"),
        (None, "malformed"),
        (MAGIC + UNKNOWN_NUMBER.to_bytes(4, "big") + good[HEADER_BYTES:], "unknown_schema"),
        (future, "future_time"),
        (nowhere, "invalid_tenant"),
    ]
    return Poison(contract.topic, *kinds[number % len(kinds)])


def _event(rng: Random, contract: Contract, at: datetime) -> dict[str, Any]:
    path = next(p for p in contract.examples() if p.name.endswith(".pass.json"))
    changes = {"tenant": TENANT, "entity_id": f"poison-{rng.getrandbits(64):x}", "observed_at": at, "ingested_at": at}
    return {**example(contract, path), **changes}


def _letter(poison: Poison, message: Message) -> str:
    return str(
        dead_letter(
            tenant=TENANT,
            feed=poison.topic,
            stage="decode",
            reason=poison.reason,
            detail="",
            place=f"{poison.topic}/{message.partition()}/{message.offset()}",
            payload=poison.value or b"",
            occurred_at=datetime.now(UTC),
        )["dead_letter_id"]
    )
