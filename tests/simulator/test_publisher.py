"""The publisher against a broker that the test scripts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine

import pytest

from simulator.serving.publisher import LoginError, Publisher

CONNACK, REFUSED_LOGIN = bytes([0x20, 3, 0, 0, 0]), bytes([0x20, 3, 0, 0x86, 0])
DUP = 0x08


class Broker:
    """Reads what a publisher sends; `acknowledges` says of each packet whether it is acknowledged."""

    def __init__(self, welcome: bytes = CONNACK) -> None:
        self.welcome = welcome
        self.hellos: list[bytes] = []
        self.got: list[tuple[int, int, bytes, bytes]] = []  # flags, number, topic, payload
        self.acknowledges: Callable[[int], bool] = lambda _n: True
        self.writers: list[asyncio.StreamWriter] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        self.tasks.append(asyncio.current_task())  # type: ignore[arg-type]
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readexactly(1))[0]
                body = await reader.readexactly(await _size(reader))
                if head >> 4 == 1:
                    self.hellos.append(body)
                    writer.write(self.welcome)
                elif head >> 4 == 3:
                    self.publish(head, body, writer)

    def publish(self, head: int, body: bytes, writer: asyncio.StreamWriter) -> None:
        end = 2 + int.from_bytes(body[:2])
        number = int.from_bytes(body[end : end + 2])
        assert body[end + 2] == 0  # no properties
        self.got.append((head & 0x0F, number, body[2:end], body[end + 3 :]))
        if self.acknowledges(len(self.got)):
            writer.write(bytes([0x40, 2]) + number.to_bytes(2))

    async def close(self, server: asyncio.Server) -> None:
        server.close()
        for writer in self.writers:
            writer.close()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    @property
    def payloads(self) -> list[bytes]:
        return [payload for _, _, _, payload in self.got]


async def _size(reader: asyncio.StreamReader) -> int:
    size = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        size |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return size


def publishing(
    broker: Broker, test: Callable[[Publisher, int], Coroutine[None, None, None]], window: int = 1000
) -> None:
    async def run() -> None:
        server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        publisher = Publisher(f"mqtt://127.0.0.1:{port}", "city", "secret", "me", window)
        connection = asyncio.create_task(publisher.run())
        try:
            async with asyncio.timeout(10):
                await test(publisher, port)
        finally:
            connection.cancel()
            await asyncio.gather(connection, return_exceptions=True)
            await broker.close(server)

    asyncio.run(run())


def messages(count: int) -> list[tuple[bytes, bytes]]:
    return [(b"a/%d" % n, b"payload %d" % n * (n % 40)) for n in range(count)]


def test_everything_arrives_once_and_in_order() -> None:
    broker = Broker()

    async def test(publisher: Publisher, _port: int) -> None:
        await publisher.send(messages(500))
        await publisher.drain()
        assert publisher.acknowledged == 500
        assert publisher.in_flight == 0

    publishing(broker, test)
    assert [(topic, payload) for _, _, topic, payload in broker.got] == messages(500)
    assert {flags for flags, _, _, _ in broker.got} == {0x02}  # QoS 1, neither repeated nor retained


def test_it_says_who_it_is() -> None:
    broker = Broker()

    async def test(publisher: Publisher, _port: int) -> None:
        await publisher.send(messages(1))
        await publisher.drain()

    publishing(broker, test)
    assert broker.hellos == [b"\0\4MQTT\5\xc2\0\x1e\0\0\2me\0\4city\0\6secret"]


def test_no_more_than_the_window_is_ever_unacknowledged() -> None:
    broker = Broker()
    broker.acknowledges = lambda n: n > 5

    async def test(publisher: Publisher, _port: int) -> None:
        sending = asyncio.create_task(publisher.send(messages(100)))
        while len(broker.got) < 5:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
        assert len(broker.got) == publisher.in_flight == 5
        sending.cancel()

    publishing(broker, test, window=5)


def test_what_was_not_acknowledged_is_sent_again_on_the_next_connection() -> None:
    broker = Broker()
    broker.acknowledges = lambda n: n <= 3

    async def test(publisher: Publisher, _port: int) -> None:
        await publisher.send(messages(6))
        while len(broker.got) < 6:
            await asyncio.sleep(0.001)
        broker.acknowledges = lambda _n: True
        broker.writers[0].close()
        await publisher.drain()
        assert publisher.connections == 2

    publishing(broker, test)
    wanted = [payload for _, payload in messages(6)]
    assert broker.payloads == wanted + wanted[3:]
    assert [flags & DUP for flags, _, _, _ in broker.got] == [0] * 6 + [DUP] * 3
    assert [n for _, n, _, _ in broker.got[6:]] == [n for _, n, _, _ in broker.got[3:6]]


def test_what_is_sent_before_there_is_a_connection_is_not_lost() -> None:
    broker = Broker()

    async def test(publisher: Publisher, _port: int) -> None:
        assert publisher.connections == 0
        await publisher.send(messages(3))
        await publisher.drain()

    publishing(broker, test)
    assert broker.payloads == [payload for _, payload in messages(3)]


def test_a_refused_user_ends_it() -> None:
    async def run() -> None:
        broker = Broker(REFUSED_LOGIN)
        server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
        publisher = Publisher(f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}", "city", "wrong", "me")
        try:
            async with asyncio.timeout(5):
                with pytest.raises(LoginError, match="refuses us"):
                    await publisher.run()
        finally:
            await broker.close(server)

    asyncio.run(run())


@pytest.mark.parametrize("url", ["http://host", "mqtt://", "host:1883"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="mqtt://host:port"):
        Publisher(url, None, None, "me")
