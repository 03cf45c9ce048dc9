"""One MQTT 5 connection: messages in the order in which they come, each acknowledged when its taker says so.

Written by hand: paho and aiomqtt cost more for a message than all the rest of its way (docs/decisions).
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

from pydantic import SecretStr

from connectors.transports import _mqtt_packets as packets
from connectors.transports._addresses import RefusedError, addresses_of
from connectors.transports._mqtt_packets import MalformedError, Message

PORTS = {"mqtt": 1883, "mqtts": 8883}
KEEP_ALIVE_SECONDS = 30
ANSWER_SECONDS = 15  # for a connection, or a subscription
MAX_WAITING_BYTES = 64_000_000  # more is left in the socket, and so to the broker


class MqttError(RuntimeError):
    """The connection was refused or lost."""


@dataclass(frozen=True, slots=True)
class Session:
    """Whose connection to what, and what the broker keeps of it."""

    url: str
    user: str | None
    password: SecretStr | None
    client_id: str
    expiry_seconds: int
    receive_maximum: int
    internal_hosts: tuple[str, ...] | None = None  # None: the platform's own broker, which may be anywhere

    def greeting(self) -> bytes:
        """The packet that begins the connection."""
        password = self.password.get_secret_value() if self.password else None
        login = (self.client_id, self.user, password)
        return packets.connect(*login, KEEP_ALIVE_SECONDS, self.expiry_seconds, self.receive_maximum)


class Connection(asyncio.Protocol):
    """Use as an asynchronous context manager."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._loop = asyncio.get_running_loop()
        self._reader = packets.Reader()
        self._transport: asyncio.Transport | None = None
        self._messages: deque[Message] = deque()  # bounded by receive_maximum
        self._waiting_bytes = 0
        self._is_paused = False
        self._came = asyncio.Event()  # a message, or the end
        self._lost: str | None = None
        self._greeted: asyncio.Future[bytes] = self._loop.create_future()
        self._subscribed: asyncio.Future[bytes] = self._loop.create_future()
        self._unsent = bytearray()  # acknowledgements
        self._heard = self._loop.time()
        self._pinging: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Connection:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._open()
                keep_alive = self._welcome(await self._greeted)
        except TimeoutError as e:
            self._close("closed")
            raise MqttError("cannot connect: no answer in time") from e
        except (OSError, MalformedError, RefusedError) as e:
            self._close("closed")
            raise MqttError(f"cannot connect: {e}") from e
        except BaseException:
            self._close("closed")
            raise
        self._pinging = asyncio.create_task(self._ping(keep_alive))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._flush()
        self._write(packets.GOODBYE)
        self._close("closed")

    async def subscribe(self, topics: Sequence[str], no_longer: Sequence[str]) -> None:
        """Subscribe with QoS 1, and end subscriptions that the session still has.

        Raises:
            MqttError: the broker refuses a topic or does not answer.
        """
        if no_longer:
            self._write(packets.unsubscribe(2, no_longer))
        self._write(packets.subscribe(1, topics))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                codes = packets.codes(await self._subscribed)
        except TimeoutError as e:
            raise MqttError("the broker does not answer to the subscription") from e
        except MalformedError as e:
            raise MqttError(str(e)) from e
        refused = [f"{t}: {packets.reason(c)}" for t, c in zip(topics, codes, strict=False) if c >= packets.FAILURE]
        if refused:
            raise MqttError(f"subscription refused: {', '.join(refused)}")

    async def message(self) -> Message:
        """The next message.

        Raises:
            MqttError: the connection is lost, and what came before is taken.
        """
        while not self._messages:
            if self._lost is not None:
                raise MqttError(self._lost)
            self._came.clear()
            await self._came.wait()
        message = self._messages.popleft()
        self._waiting_bytes -= len(message.payload)
        if self._is_paused and self._waiting_bytes <= MAX_WAITING_BYTES // 2:
            self._resume()
        return message

    def acknowledge(self, number: int) -> None:
        """Tell the broker that a message is safe; after the connection's end nothing is told, and it comes again."""
        if number == 0 or self._lost is not None:
            return
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent += packets.acknowledgement(number)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the broker."""
        self._transport = cast(asyncio.Transport, transport)
        self._write(self._session.greeting())

    def data_received(self, data: bytes) -> None:
        """Take the packets in it."""
        self._heard = self._loop.time()
        try:
            for first, body in self._reader.feed(data):
                self._take(first, body)
        except MalformedError as e:
            self._close(f"the broker sent {e}")

    def connection_lost(self, exc: Exception | None) -> None:
        """Say so to whoever waits."""
        self._close(f"disconnected: {exc or 'closed by the broker'}")

    def _take(self, first: int, body: bytes) -> None:
        kind = first >> 4
        if kind == packets.PUBLISH:
            self._keep(packets.message(first, body))
        elif kind == packets.CONNACK and not self._greeted.done():
            self._greeted.set_result(body)
        elif kind == packets.SUBACK and not self._subscribed.done():
            self._subscribed.set_result(body)
        elif kind == packets.DISCONNECT:
            self._close(f"disconnected: {packets.reason(body[0] if body else 0)}")

    def _keep(self, message: Message) -> None:
        self._messages.append(message)
        self._came.set()
        self._waiting_bytes += len(message.payload)
        if self._waiting_bytes > MAX_WAITING_BYTES and not self._is_paused and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        self._is_paused = False
        self._heard = self._loop.time()
        if self._transport is not None:
            self._transport.resume_reading()

    async def _open(self) -> None:
        parts = urlsplit(self._session.url)
        port = parts.port or PORTS[parts.scheme]
        host, internal = parts.hostname or "", self._session.internal_hosts
        context = ssl.create_default_context() if parts.scheme == "mqtts" else None
        addresses = [host] if internal is None else await addresses_of(host, port, internal)
        name = host if context is not None else None
        for number, address in enumerate(addresses, 1):
            try:
                await self._loop.create_connection(lambda: self, address, port, ssl=context, server_hostname=name)
            except OSError:
                if number == len(addresses):
                    raise
            else:
                return

    def _welcome(self, body: bytes) -> float:
        """Seconds of silence that the broker allows.

        Raises:
            MqttError: it refuses us.
            MalformedError: that is no answer.
        """
        if len(body) < 2:
            raise MalformedError("an answer that is too short")
        if body[1] >= packets.FAILURE:
            raise MqttError(f"refused: {packets.reason(body[1])}")
        found, _ = packets.properties(body, 2)
        if found.get(packets.MAXIMUM_QOS, 1) < 1:
            raise MqttError("refused: the broker has no QoS 1")
        return float(found.get(packets.SERVER_KEEP_ALIVE, KEEP_ALIVE_SECONDS)) or KEEP_ALIVE_SECONDS

    async def _ping(self, keep_alive: float) -> None:
        while self._lost is None:
            await asyncio.sleep(keep_alive / 2)
            if not self._is_paused and self._loop.time() - self._heard > keep_alive * 1.5:
                self._close("the broker fell silent")
            self._write(packets.PING)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and self._lost is None:
            self._transport.write(data)

    def _flush(self) -> None:
        if self._unsent:
            self._write(bytes(self._unsent))
            self._unsent.clear()

    def _close(self, why: str) -> None:
        if self._lost is None:
            self._lost = why
        self._came.set()
        for waiting in (self._greeted, self._subscribed):
            if not waiting.done():
                waiting.set_exception(MqttError(self._lost))
                with contextlib.suppress(MqttError):
                    waiting.exception()  # so that no one complains when no one waits
        if self._pinging is not None:
            self._pinging.cancel()
        if self._transport is not None:
            self._transport.close()
