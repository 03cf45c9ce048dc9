from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError
from confluent_kafka import Producer as Client

from connectors import producer as module
from connectors.producer import ProduceError, Producer
from tests.connectors.scripted import until


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> list[Client]:
    """Clients made, each with a broker in its own process, as librdkafka brings one for tests."""
    made: list[Client] = []

    def client(conf: dict[str, Any]) -> Client:
        conf = {**conf, "test.mock.num.brokers": 1}
        conf.pop("bootstrap.servers")
        made.append(Client(conf))
        return made[-1]

    monkeypatch.setattr(module, "Client", client)
    return made


class Answers:
    """What became of each record."""

    def __init__(self) -> None:
        self.errors: dict[int, KafkaError | None] = {}

    def of(self, number: int) -> Callable[..., None]:
        return lambda error, _message: self.errors.__setitem__(number, error)

    @property
    def failed(self) -> int:
        return sum(error is not None for error in self.errors.values())


async def sent(producer: Producer, answers: Answers, count: int) -> None:
    for n in range(count):
        await producer.send("city.test", b"t/%d" % n, b"x" * 100, answers.of(n))


def test_each_record_is_answered_once_it_is_there(clients: list[Client]) -> None:
    async def main() -> None:
        producer, answers = Producer("-"), Answers()
        pump = asyncio.create_task(producer.pump())
        await sent(producer, answers, 500)
        await until(lambda: len(answers.errors) == 500)
        pump.cancel()
        assert answers.failed == 0

    asyncio.run(main())
    assert len(clients) == 1


@pytest.mark.usefixtures("clients")
def test_a_full_queue_makes_the_sender_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUEUE_RECORDS", 10)

    async def main() -> None:
        producer, answers = Producer("-"), Answers()
        sending = asyncio.create_task(sent(producer, answers, 100))
        await asyncio.sleep(0.1)  # no pump yet
        assert not sending.done()
        pump = asyncio.create_task(producer.pump())
        await sending
        await until(lambda: len(answers.errors) == 100)
        pump.cancel()
        assert answers.failed == 0

    asyncio.run(main())


@pytest.mark.usefixtures("clients")
def test_a_record_that_can_never_be_sent_is_an_error() -> None:
    async def main() -> None:
        await Producer("-").send("city.test", b"k", b"x" * 3_000_000, lambda *_: None)

    with pytest.raises(ProduceError, match="too large"):
        asyncio.run(main())


def test_after_a_fatal_error_what_waits_fails_and_a_new_client_goes_on(clients: list[Client]) -> None:
    async def main() -> None:
        producer, answers = Producer("-"), Answers()
        await sent(producer, answers, 5)
        producer._on_error(KafkaError(KafkaError.INVALID_PRODUCER_EPOCH, "fenced", True))
        pump = asyncio.create_task(producer.pump())
        await until(lambda: len(answers.errors) == 5)
        assert answers.failed == 5
        await sent(producer, answers, 5)
        await until(lambda: answers.failed == 0)
        pump.cancel()

    asyncio.run(main())
    assert len(clients) == 2


@pytest.mark.usefixtures("clients")
def test_closing_sends_what_is_queued() -> None:
    async def main() -> Answers:
        producer, answers = Producer("-"), Answers()
        await sent(producer, answers, 50)
        await producer.close()
        return answers

    answers = asyncio.run(main())
    assert (len(answers.errors), answers.failed) == (50, 0)
