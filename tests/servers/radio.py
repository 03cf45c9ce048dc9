"""A feed by MQTT from the real broker: its session, and what is published to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import aiomqtt

from connectors.cursor import Cursor, cursor_path
from connectors.feed import Feed
from connectors.transports import mqtt
from tests.servers.ingesting import City, until


def by_radio(city: City, **options: object) -> Feed:
    return city.feed("radio", {"kind": "mqtt", "topics": [f"{city.tenant}/+"], **options})


@asynccontextmanager
async def publisher(city: City) -> AsyncIterator[aiomqtt.Client]:
    parts = urlsplit(city.endpoints.mqtt_url or "")
    password = city.endpoints.mqtt_password
    async with aiomqtt.Client(
        parts.hostname or "",
        parts.port or 1883,
        username=city.endpoints.mqtt_user,
        password=password.get_secret_value() if password else None,
        protocol=aiomqtt.ProtocolVersion.V5,
    ) as client:
        yield client


async def publish(city: City, bodies: Iterable[bytes]) -> None:
    async with publisher(city) as client:
        for body in bodies:
            await client.publish(f"{city.tenant}/weather", body, qos=1)


async def subscribed(city: City, feed: Feed) -> None:
    """Make the feed's session at the broker, so that nothing that is published afterwards is missed."""
    async with city.ingesting(feed):
        await until(lambda: is_subscribed(city, feed), "the feed is subscribed")


def is_subscribed(city: City, feed: Feed) -> bool:
    return Cursor(cursor_path(city.state, feed.id)).position(mqtt.SUBSCRIPTIONS) is not None
