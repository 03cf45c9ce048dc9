"""One MQTT 5 connection on the event loop, with messages that are acknowledged by hand.

Paho's client is driven directly: aiomqtt hides manual acknowledgement and costs three times as much for each message
(docs/decisions).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions
from pydantic import SecretStr

PORTS = {"mqtt": 1883, "mqtts": 8883}
KEEPALIVE_SECONDS = 30
CONNECT_TIMEOUT_SECONDS = 15
TCP_TIMEOUT_SECONDS = 10
MAX_WAITING_BYTES = 64_000_000  # more is left in the socket, and so to the broker
QOS = 1
NEW_SUBSCRIPTION_ONLY = 1  # retained messages come once, not at each connection


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


class Connection:
    """Messages in the order in which they came; use as an asynchronous context manager."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._loop = asyncio.get_running_loop()
        self._messages: asyncio.Queue[paho.MQTTMessage | None] = asyncio.Queue()  # bounded by receive_maximum
        self._connected: asyncio.Future[None] = self._loop.create_future()
        self._subscribed: asyncio.Future[list[ReasonCode]] = self._loop.create_future()
        self._waiting_bytes = 0
        self._is_paused = False
        self._lost: str | None = None
        self._client = self._paho()
        self._socket: Any = None
        self._keepalive: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Connection:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                await asyncio.to_thread(self._connect)
                self._attach()
                await self._connected
        except (OSError, ValueError, MqttError) as e:
            self._close()
            raise MqttError(f"cannot connect: {e or type(e).__name__}") from e
        except BaseException:
            self._close()
            raise
        self._keepalive = asyncio.create_task(self._keep_alive())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._lost is None:
            self._client.disconnect()
            self._client.loop_write()  # acknowledgements and the farewell wait for the loop otherwise
        self._close()

    async def subscribe(self, topics: Sequence[str], no_longer: Sequence[str]) -> None:
        """Subscribe with QoS 1, and end subscriptions that the session still has.

        Raises:
            MqttError: the broker refuses a topic or does not answer.
        """
        if no_longer:
            self._client.unsubscribe(list(no_longer))
        options = SubscribeOptions(qos=QOS, retainHandling=NEW_SUBSCRIPTION_ONLY)
        self._client.subscribe([(t, options) for t in topics])
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                codes = await self._subscribed
        except TimeoutError as e:
            raise MqttError("the broker does not answer to the subscription") from e
        refused = [f"{t}: {c}" for t, c in zip(topics, codes, strict=False) if c.is_failure]
        if refused:
            raise MqttError(f"subscription refused: {', '.join(refused)}")

    async def message(self) -> paho.MQTTMessage:
        """The next message.

        Raises:
            MqttError: the connection is lost.
        """
        message = await self._messages.get()
        if message is None:
            raise MqttError(self._lost or "closed")
        self._waiting_bytes -= len(message.payload)
        if self._is_paused and self._waiting_bytes <= MAX_WAITING_BYTES // 2:
            self._read_on()
        return message

    def acknowledge(self, number: int, qos: int) -> None:
        """Tell the broker that a message is safe; after the connection's end nothing is told, and it comes again."""
        if self._lost is None:
            self._client.ack(number, qos)

    def _paho(self) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._session.client_id,
            protocol=paho.MQTTv5,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        if self._session.user is not None:
            password = self._session.password
            client.username_pw_set(self._session.user, password.get_secret_value() if password else None)
        if urlsplit(self._session.url).scheme == "mqtts":
            client.tls_set()
        client.connect_timeout = TCP_TIMEOUT_SECONDS
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    def _connect(self) -> None:
        """Open the connection; blocks on name, TCP and TLS."""
        parts = urlsplit(self._session.url)
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = self._session.expiry_seconds
        properties.ReceiveMaximum = self._session.receive_maximum
        port = parts.port or PORTS[parts.scheme]
        self._client.connect(parts.hostname or "", port, KEEPALIVE_SECONDS, clean_start=False, properties=properties)

    def _attach(self) -> None:
        self._socket = self._client.socket()
        if self._socket is None:
            raise MqttError("closed at once")
        self._client.on_socket_close = lambda *_: self._detach()
        self._client.on_socket_register_write = lambda *_: self._want_write()
        self._client.on_socket_unregister_write = lambda *_: self._want_no_write()
        self._read_on()
        if self._client.want_write():
            self._want_write()

    def _want_write(self) -> None:
        if self._socket is not None:
            self._loop.add_writer(self._socket, self._client.loop_write)

    def _want_no_write(self) -> None:
        if self._socket is not None:
            self._loop.remove_writer(self._socket)

    def _read_on(self) -> None:
        self._is_paused = False
        if self._socket is not None:
            self._loop.add_reader(self._socket, self._client.loop_read)

    def _pause(self) -> None:
        self._is_paused = True
        if self._socket is not None:
            self._loop.remove_reader(self._socket)

    def _detach(self) -> None:
        if self._socket is not None and self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
        self._socket = None

    def _close(self) -> None:
        self._end("closed")
        if self._keepalive is not None:
            self._keepalive.cancel()
        sock = self._client.socket()
        self._detach()
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.close()

    async def _keep_alive(self) -> None:
        while self._client.loop_misc() == paho.MQTT_ERR_SUCCESS:
            await asyncio.sleep(1)
        self._end("the broker fell silent")

    def _end(self, why: str) -> None:
        if self._lost is None:
            self._lost = why
            self._messages.put_nowait(None)

    def _on_connect(self, _c: Any, _u: Any, _f: Any, code: ReasonCode, _p: Any = None) -> None:
        if self._connected.done():
            return
        if code.is_failure:
            self._connected.set_exception(MqttError(f"refused: {code}"))
        else:
            self._connected.set_result(None)

    def _on_disconnect(self, _c: Any, _u: Any, _f: Any, code: ReasonCode, _p: Any = None) -> None:
        self._end(f"disconnected: {code}")
        if not self._connected.done():
            self._connected.set_exception(MqttError(f"disconnected: {code}"))

    def _on_subscribe(self, _c: Any, _u: Any, _m: int, codes: list[ReasonCode], _p: Any = None) -> None:
        if not self._subscribed.done():
            self._subscribed.set_result(codes)

    def _on_message(self, _c: Any, _u: Any, message: paho.MQTTMessage) -> None:
        self._messages.put_nowait(message)
        self._waiting_bytes += len(message.payload)
        if self._waiting_bytes > MAX_WAITING_BYTES:
            self._pause()
