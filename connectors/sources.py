"""A feed's plugins and what they need to know: used alike by the runner and by previews."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, cast

from connectors import formats, transports
from connectors.cursor import Cursor
from connectors.delivery import Broker, Context, Transport
from connectors.feed import Feed, TransportOptions, plugin
from connectors.model import NO_REFERENCE, Format, FormatOptions, Reference
from runtime.endpoints import Endpoints
from runtime.settings import Settings

Report = Callable[[str, Exception], None]


def transport_of(options: TransportOptions) -> Transport:
    """The transport that options are for."""
    return cast(Transport, plugin(transports, options.kind))


def format_of(options: FormatOptions) -> Format:
    """The format that options are for."""
    return cast(Format, plugin(formats, options.kind))


def context_of(feed: Feed, settings: Settings, cursor: Cursor, broker: Broker | None, report: Report) -> Context:
    """What the feed's transport has to know."""
    return Context(feed.tenant, feed.id, settings.state, cursor, report, broker)


def broker_of(addresses: Endpoints | Settings) -> Broker | None:
    """The platform's MQTT broker, if it has one."""
    if addresses.mqtt_url is None:
        return None
    return Broker(addresses.mqtt_url, addresses.mqtt_user, addresses.mqtt_password)


async def read_reference(feed: Feed, context: Context) -> Reference:
    """What is known of the feed's entities; nothing when it names no source for it.

    Raises:
        Exception: the source cannot be reached or read.
    """
    if feed.reference is None:
        return NO_REFERENCE
    found: dict[str, Mapping[str, Any]] = {}
    source, form = feed.reference.transport, feed.reference.format
    async for payload in transport_of(source).fetch(source, context):
        found |= await asyncio.to_thread(format_of(form).read_reference, payload, form)
    return found
