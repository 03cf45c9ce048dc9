from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from connectors.delivery import Broker, Context
from connectors.transports import _mqtt_connection, _mqtt_packets, mqtt
from connectors.transports._mqtt_connection import Connection, MqttError, Session
from connectors.transports._mqtt_packets import MalformedError, Message, Reader
from tests.connectors.scripted import LOCAL, Errors, KeptIntake, until

WELCOME = b"\x20\x03\x00\x00\x00"
SUBSCRIBED = b"\x90\x04\x00\x01\x00\x01"

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def packet(first: int, body: bytes) -> bytes:
    length, out = len(body), bytearray([first])
    while length > 127:
        out.append(length & 127 | 128)
        length >>= 7
    return bytes(out) + bytes([length]) + body


def publish(number: int, payload: bytes, topic: str = "a/b", properties: bytes = b"") -> bytes:
    name = topic.encode()
    head = len(name).to_bytes(2, "big") + name + (number.to_bytes(2, "big") if number else b"")
    return packet(0x32 if number else 0x30, head + packet(0, properties)[1:] + payload)


async def heard(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    first = (await reader.readexactly(1))[0]
    length, shift = 0, 0
    while (byte := (await reader.readexactly(1))[0]) > 127:
        length |= (byte & 127) << shift
        shift += 7
    return first, await reader.readexactly(length | byte << shift)


@asynccontextmanager
async def broker(script: Script) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await script(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def welcomed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await heard(reader)
    writer.write(WELCOME)
    await heard(reader)
    writer.write(SUBSCRIBED)
    await writer.drain()


def session(url: str, **given: Any) -> Session:
    return Session(
        **{
            "url": url,
            "user": "city",
            "password": SecretStr("canary"),
            "client_id": "garonne-t-f",
            "expiry_seconds": 600,
            "receive_maximum": 20,
            **given,
        }
    )


def test_it_greets_for_a_session_that_lasts_with_a_bound_on_what_is_on_its_way() -> None:
    greeting = session("mqtt://x").greeting()
    assert greeting[2:9] == b"\x00\x04MQTT\x05"
    assert greeting[9] == 0b11000000  # user and password, and no clean start
    assert b"\x11\x00\x00\x02\x58" in greeting
    assert b"\x21\x00\x14" in greeting
    assert b"\x27\x02\x00\x00\x00" in greeting
    assert b"\x00\x0bgaronne-t-f\x00\x04city\x00\x06canary" in greeting


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 65_535), st.binary(max_size=300)), max_size=8), st.data())
def test_packets_are_found_wherever_the_bytes_are_cut(sent: list[tuple[int, bytes]], data: st.DataObject) -> None:
    stream = b"".join(publish(number, payload) for number, payload in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    reader, found = Reader(), []
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += [_mqtt_packets.message(first, body) for first, body in reader.feed(stream[begin:end])]
    assert found == [Message("a/b", payload, number, None) for number, payload in sent]


def test_a_packet_that_is_too_large_is_refused_before_it_is_in_memory() -> None:
    reader, limit = Reader(), _mqtt_packets.MAX_PACKET_BYTES
    assert list(reader.feed(b"\x32" + _length(limit - 5))) == []  # waits for the rest
    with pytest.raises(MalformedError, match=f"a packet of {limit + 1:,} bytes"):
        list(Reader().feed(b"\x32" + _length(limit - 4)))


def _length(length: int) -> bytes:
    """As four bytes of seven bits."""
    return bytes((length >> 7 * i & 127) | (128 if i < 3 else 0) for i in range(4))


def test_a_message_is_read_with_whatever_properties_it_has() -> None:
    content_type, user = b"\x03\x00\x04text", b"\x26\x00\x01k\x00\x01v"
    others = b"\x01\x01" + b"\x02\x00\x00\x00\x09" + b"\x0b\x80\x01" + b"\x09\x00\x02\xff\xfe" + b"\x23\x00\x01"
    (first, body), *_ = Reader().feed(publish(7, b"{}", properties=content_type + user + others))
    assert _mqtt_packets.message(first, body) == Message("a/b", b"{}", 7, "text")


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([0x30, 0x32, 0x34]), st.binary(max_size=60))
def test_any_bytes_are_a_message_or_malformed(first: int, body: bytes) -> None:
    try:
        _mqtt_packets.message(first, body)
    except MalformedError:
        return


def test_messages_come_in_order_and_acknowledgements_go_out_once() -> None:
    acknowledged: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await welcomed(reader, writer)
        writer.write(publish(1, b"one") + publish(0, b"qos 0") + publish(2, b"two"))
        while True:
            first, body = await heard(reader)
            acknowledged.append(bytes([first]) + body)

    async def main() -> list[bytes]:
        async with broker(script) as url:
            async with Connection(session(url)) as connection:
                await connection.subscribe(["a/+"], [])
                messages = [await connection.message() for _ in range(3)]
                for m in messages:
                    connection.acknowledge(m.number)
            await until(lambda: len(acknowledged) == 3)
        return [m.payload for m in messages]

    assert asyncio.run(main()) == [b"one", b"qos 0", b"two"]
    assert acknowledged == [b"\x40\x00\x01", b"\x40\x00\x02", b"\xe0"]


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([b"\x20\x03\x00\x86\x00"], "bad user name or password"),
        ([b"\x20\x05\x00\x00\x02\x24\x00"], "no QoS 1"),
        ([b"\x20\x01\x00"], "cannot connect"),
        ([b"\x20\xff\xff\xff\xff\x01"], "four bytes"),
        ([b""], "closed by the broker"),
        ([WELCOME, b"\x90\x04\x00\x01\x00\x87"], "not authorized"),
        ([WELCOME, SUBSCRIBED, b"\xe0\x01\x8e"], "taken over"),
        ([WELCOME, SUBSCRIBED, b"\x32\x02\x00\x09"], "not a message"),
        ([WELCOME, SUBSCRIBED, b""], "closed by the broker"),
    ],
)
def test_what_goes_wrong_is_said(answers: list[bytes], said: str) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for n, a in enumerate(answers):
            if n < 2:
                await heard(reader)
            writer.write(a)
            await writer.drain()

    async def main() -> None:
        async with broker(script) as url, Connection(session(url)) as connection:
            await connection.subscribe(["a"], [])
            await connection.message()

    with pytest.raises(MqttError, match=said):
        asyncio.run(main())


def test_a_broker_that_falls_silent_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_mqtt_connection, "KEEP_ALIVE_SECONDS", 0.1)
    pings: list[int] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await welcomed(reader, writer)
        while True:
            pings.append((await heard(reader))[0])

    async def main() -> None:
        async with broker(script) as url:
            # The greeting takes whole seconds; only the patience is shortened.
            monkeypatch.setattr(Session, "greeting", lambda _: b"\x10\x00")
            async with Connection(session(url)) as connection:
                await connection.subscribe(["a"], [])
                await connection.message()

    with pytest.raises(MqttError, match="silent"):
        asyncio.run(main())
    assert set(pings) == {0xC0}


def test_more_than_fits_waits_at_the_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_mqtt_connection, "MAX_WAITING_BYTES", 1_000_000)
    payload, count = b"x" * 100_000, 200

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await welcomed(reader, writer)
        for number in range(1, count + 1):
            writer.write(publish(number, payload))
            await writer.drain()
        await heard(reader)

    async def main() -> None:
        async with broker(script) as url, Connection(session(url)) as connection:
            await connection.subscribe(["a"], [])
            await until(lambda: connection._is_paused)
            assert connection._waiting_bytes < 3_000_000
            numbers = [(await connection.message()).number for _ in range(count)]
            assert numbers == list(range(1, count + 1))

    asyncio.run(main())


def test_a_lost_connection_is_made_again_and_its_acknowledgements_are_not_sent_on_the_next(
    context: Context, errors: Errors
) -> None:
    acknowledged: list[bytes] = []
    connections: list[int] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        await welcomed(reader, writer)
        writer.write(publish(len(connections), b"%d" % len(connections)))
        await writer.drain()
        if len(connections) > 1:
            acknowledged.append((await heard(reader))[1])
            await heard(reader)

    class Late(KeptIntake):
        """Acknowledges what came when the next message comes."""

        async def deliver(self, delivery: Any) -> None:
            self.deliveries.append(delivery)
            if len(self.deliveries) == 2:
                for d in self.deliveries:
                    d.acknowledge()

    async def main() -> None:
        async with broker(script) as url:
            options = mqtt.Options.model_validate(
                {"kind": "mqtt", **LOCAL, "url": url, "topics": ["a/b"], "retry_seconds": 0.01}
            )
            task = asyncio.create_task(mqtt.run(options, context, Late(context, 2)))
            await until(lambda: bool(acknowledged))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
    assert acknowledged == [b"\x00\x02"]
    assert errors.kinds[0] == "connection"


def test_topics_that_a_feed_no_longer_has_are_given_up(context: Context) -> None:
    asked: list[tuple[int, bytes]] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await heard(reader)
        writer.write(WELCOME)
        for _ in range(2):
            asked.append(await heard(reader))
        writer.write(SUBSCRIBED)
        await heard(reader)

    async def main() -> None:
        context.cursor.advance(mqtt.SUBSCRIPTIONS, {"topics": ["old", "a/b"]})
        async with broker(script) as url:
            options = mqtt.Options.model_validate({"kind": "mqtt", **LOCAL, "url": url, "topics": ["a/b"]})
            task = asyncio.create_task(mqtt.run(options, context, KeptIntake(context, 1)))
            await until(lambda: context.cursor.position(mqtt.SUBSCRIPTIONS) == {"topics": ["a/b"]})
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
    assert asked == [(0xA2, b"\x00\x02\x00\x00\x03old"), (0x82, b"\x00\x01\x00\x00\x03a/b\x11")]


def test_a_message_over_the_limit_is_refused_with_its_bytes(context: Context) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await welcomed(reader, writer)
        writer.write(publish(1, b"x" * 2_000_000) + publish(2, b"small"))
        await heard(reader)

    async def main() -> KeptIntake:
        intake = KeptIntake(context, 2)
        async with broker(script) as url:
            options = mqtt.Options.model_validate({"kind": "mqtt", **LOCAL, "url": url, "topics": ["a/b"]})
            task = asyncio.create_task(mqtt.run(options, context, intake))
            await until(intake.enough.is_set)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return intake

    large, small = asyncio.run(main()).deliveries
    assert large.problem is not None
    assert (large.problem.reason, len(large.problem.payload)) == ("too_large", 2_000_000)
    assert (small.problem, small.payload.body, small.payload.place) == (None, b"small", "a/b")


def test_the_platforms_login_goes_to_the_platforms_broker_alone(context: Context) -> None:
    platform = Broker("mqtt://platform", "city", SecretStr("canary"))
    own = Context("toulouse", "feed", context.state, context.cursor, context.report, platform)
    elsewhere = mqtt.Options.model_validate({"kind": "mqtt", "url": "mqtt://elsewhere", "topics": ["a"]})
    here = mqtt.Options.model_validate({"kind": "mqtt", "topics": ["a"]})
    assert mqtt._session(elsewhere, own).password is None
    found = mqtt._session(here, own)
    assert (found.url, found.password, found.client_id) == (
        "mqtt://platform",
        platform.password,
        "garonne-toulouse-feed",
    )
    assert "canary" not in repr(found)


@pytest.mark.parametrize(
    "options",
    [
        {"topics": []},
        {"topics": [""]},
        {"topics": ["a"], "url": "http://host"},
        {"topics": ["a"], "url": "mqtt://user:secret@host"},
        {"topics": ["a"], "session_expiry_seconds": 0},
        {"topics": ["a"], "receive_maximum": 0},
        {"topics": ["a"], "user": "me"},
        {"topics": ["a"], "qos": 0},
    ],
)
def test_options_that_cannot_work_are_refused_when_the_feed_is_loaded(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        mqtt.Options.model_validate({"kind": "mqtt", **options})
