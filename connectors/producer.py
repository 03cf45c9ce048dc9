"""Records to Kafka: idempotent, acknowledged by all replicas, with bounded memory, for as long as Kafka takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
from confluent_kafka import KafkaError, KafkaException, Message
from confluent_kafka import Producer as Client

Done = Callable[[KafkaError | None, Message], None]
Headers = list[tuple[str, str | bytes | None]]

MAX_VALUE_BYTES = 2_000_000  # topics take two mebibytes with key and overhead
QUEUE_RECORDS = 100_000
QUEUE_KILOBYTES = 64 * 1024
PUMP_SECONDS = 0.005
CLOSE_SECONDS = 10.0

log = structlog.get_logger()


class ProduceError(RuntimeError):
    """Kafka did not take a record, and will not."""


class Producer:
    """One producer for all feeds. Callbacks come on the event loop, from `pump`, in the order of each partition."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._fatal: KafkaError | None = None
        self._sent = asyncio.Event()
        self._client = self._new_client()

    async def send(self, topic: str, key: bytes, value: bytes, done: Done, headers: Headers | None = None) -> None:
        """Queue a record; waits while the queue is full. `done` is called once, with the error or None.

        Raises:
            ProduceError: the record can never be sent.
        """
        while True:
            try:
                self._client.produce(topic, value, key, on_delivery=done, headers=headers)
            except BufferError:
                await asyncio.sleep(PUMP_SECONDS)
            except KafkaException as e:
                raise ProduceError(str(e)) from e
            else:
                self._sent.set()
                return

    async def pump(self) -> None:
        """Bring the callbacks, until cancelled."""
        while True:
            self._client.poll(0)
            if self._fatal is not None:
                self._replace()
            if len(self._client):
                await asyncio.sleep(PUMP_SECONDS)
            else:
                await self._idle()

    async def close(self) -> None:
        """Send what is queued, for a limited time; drop the rest, which its sources still have."""
        left = await asyncio.to_thread(self._client.flush, CLOSE_SECONDS)
        if left:
            log.warning("producer.dropped", records=left, effect="they are read from their source again")
            self._client.purge()
            self._client.poll(0)

    async def _idle(self) -> None:
        """Until something is sent; librdkafka's own events still come now and then."""
        self._sent.clear()
        try:
            async with asyncio.timeout(1):
                await self._sent.wait()
        except TimeoutError:
            return

    def _new_client(self) -> Client:
        return Client(
            {
                "bootstrap.servers": self._bootstrap,
                "client.id": "garonne-connectors",
                "enable.idempotence": True,
                "acks": "all",
                "compression.type": "lz4",
                "linger.ms": 20,
                "message.timeout.ms": 0,  # no limit: what waits is bounded, and its sources wait for it
                "message.max.bytes": MAX_VALUE_BYTES + 50_000,
                "queue.buffering.max.messages": QUEUE_RECORDS,
                "queue.buffering.max.kbytes": QUEUE_KILOBYTES,
                "error_cb": self._on_error,
                "reconnect.backoff.max.ms": 5_000,
                "log_level": 2,  # what matters of the rest comes to error_cb
            }
        )

    def _on_error(self, error: KafkaError) -> None:
        if error.code() != KafkaError._TRANSPORT:  # each attempt to connect is one; when all are down it says so
            log.warning("kafka.error", error=error.str())
        if error.fatal():
            self._fatal = error

    def _replace(self) -> None:
        """After a fatal error the client is of no use: its records fail, and their feeds send them anew."""
        log.error("producer.replaced", error=str(self._fatal))
        old, self._client, self._fatal = self._client, self._new_client(), None
        old.purge()
        old.flush(1)
