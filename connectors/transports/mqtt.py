"""MQTT 5 with QoS 1: a message is acknowledged to the broker once Kafka has its records, and comes again otherwise.

The session outlives the connection (``session_expiry_seconds``), so the broker keeps what comes while no one listens.
At most ``receive_maximum`` messages are on their way; then the broker waits. So no more can come again.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from connectors.backoff import Backoff
from connectors.delivery import Broker, Context, Delivery, Intake
from connectors.feed import TransportOptions
from connectors.model import Payload, Reason, Rejected
from connectors.secret import FromEnvironment, MissingSecretError
from connectors.transports._mqtt_connection import PORTS, Connection, MqttError, Session
from connectors.transports._mqtt_packets import Message
from connectors.transports._redelivery import first_messages, token_of

YIELD_EVERY = 100  # messages
SUBSCRIPTIONS = "subscriptions"


class Options(TransportOptions):
    """Which broker (by default the platform's own), topics, and how much is on its way at once."""

    topics: tuple[str, ...] = Field(min_length=1, max_length=100)
    url: str | None = None
    user: str | None = None
    password: FromEnvironment | None = None
    internal_hosts: tuple[str, ...] = ()  # that may be inside: this machine or a private network
    session_expiry_seconds: int = Field(default=7 * 24 * 3600, gt=0, lt=2**32)
    receive_maximum: int = Field(default=2_000, gt=0, le=65_535)
    max_message_bytes: int = Field(default=1_000_000, gt=0)
    retry_seconds: float = Field(default=1, gt=0)
    max_retry_seconds: float = Field(default=15, gt=0)

    @field_validator("url")
    @classmethod
    def _is_mqtt(cls, url: str | None) -> str | None:
        parts = urlsplit(url or "mqtt://x")
        if parts.scheme not in PORTS or not parts.hostname:
            raise ValueError("must be an address that starts with mqtt:// or mqtts://")
        if parts.username or parts.password:
            raise ValueError("give user and password beside the url")
        return url

    @field_validator("topics")
    @classmethod
    def _are_filters(cls, topics: tuple[str, ...]) -> tuple[str, ...]:
        for topic in topics:
            if not 0 < len(topic.encode()) < 2**16 or "\0" in topic:
                raise ValueError(f"{topic!r} is not a topic filter")
        return topics

    @model_validator(mode="after")
    def _login_has_a_broker(self) -> Options:
        if self.url is None and (self.user or self.password):
            raise ValueError("user and password belong to a url; the platform's broker has its own")
        return self


async def run(options: Options, context: Context, intake: Intake) -> None:
    """Deliver messages until cancelled; a connection that is lost is made again."""
    backoff = Backoff(options.retry_seconds, options.max_retry_seconds)
    loop = asyncio.get_running_loop()
    context.cursor.keep_tokens(options.receive_maximum)
    taken = deque(context.cursor.tokens, options.receive_maximum)
    while True:
        started = loop.time()
        try:
            await _listen(options, context, intake, taken)
        except MqttError as e:
            context.report("connection", e)
        except MissingSecretError as e:
            context.report("secret", e)
        if loop.time() - started > options.max_retry_seconds:
            backoff.reset()
        await asyncio.sleep(backoff.next())


async def fetch(options: Options, context: Context) -> AsyncGenerator[Payload, None]:
    """Messages as they come, for ever, in a session of its own that ends with it; none is taken from the feed.

    Raises:
        MqttError: the connection is refused or lost.
        MissingSecretError: the password is not set.
    """
    own = replace(_session(options, context), client_id=f"garonne-preview-{uuid.uuid4()}", expiry_seconds=0)
    async with Connection(own) as connection:
        await connection.subscribe(options.topics, ())
        while True:
            message = await connection.message()
            connection.acknowledge(message.number)
            yield _payload(message)


async def _listen(options: Options, context: Context, intake: Intake, taken: deque[int]) -> None:
    async with Connection(_session(options, context)) as connection:
        await connection.subscribe(options.topics, _no_longer(options, context))
        context.cursor.advance(SUBSCRIPTIONS, {"topics": list(options.topics)})
        try:
            await _pass_on(options, connection, intake, taken)
        except asyncio.CancelledError:
            await intake.drain()  # acknowledge what Kafka is about to have, while there is a connection
            raise


async def _pass_on(options: Options, connection: Connection, intake: Intake, taken: deque[int]) -> None:
    first, again = await first_messages(connection, taken)
    for number, message in enumerate(first):
        await intake.deliver(_delivery(options, connection, message, taken, is_again=number < again))
    count = 0
    while True:
        message = await connection.message()
        await intake.deliver(_delivery(options, connection, message, taken))
        count += 1
        if count % YIELD_EVERY == 0:
            await asyncio.sleep(0)


def _delivery(
    options: Options, connection: Connection, message: Message, taken: deque[int], *, is_again: bool = False
) -> Delivery:
    payload = _payload(message)
    acknowledge = partial(connection.acknowledge, message.number)
    if is_again:
        return Delivery(payload, acknowledge=acknowledge, is_again=True)
    token, problem = token_of(message), None
    taken.append(token)
    if len(payload.body) > options.max_message_bytes:
        detail = f"over {options.max_message_bytes} bytes"
        problem = Rejected(Reason.TOO_LARGE, detail, payload.place, payload.body)
    return Delivery(payload, acknowledge=acknowledge, problem=problem, token=token)


def _payload(message: Message) -> Payload:
    return Payload(message.payload, message.topic, datetime.now(UTC), message.content_type)


def _session(options: Options, context: Context) -> Session:
    broker = _broker(options, context)
    return Session(
        url=broker.url,
        user=broker.user,
        password=broker.password,
        client_id=f"garonne-{context.tenant}-{context.feed}",
        expiry_seconds=options.session_expiry_seconds,
        receive_maximum=options.receive_maximum,
        internal_hosts=None if options.url is None else options.internal_hosts,
    )


def _broker(options: Options, context: Context) -> Broker:
    if options.url is not None:
        return Broker(options.url, options.user, options.password.secret() if options.password else None)
    if context.broker is None:
        raise MqttError("no broker: give the transport a url, set MQTT_URL, or run 'garonne up'")
    return context.broker


def _no_longer(options: Options, context: Context) -> list[str]:
    """Topics that the broker's session was subscribed to by an earlier version of the feed."""
    before = (context.cursor.position(SUBSCRIPTIONS) or {}).get("topics", [])
    return sorted(set(before) - set(options.topics))
