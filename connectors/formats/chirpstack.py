"""ChirpStack v4 uplink events (``application/<id>/device/<eui>/event/up``), with the sensor's frame by a layout.

Paths of the mapping go into the event (``deviceInfo.tags.zone``, ``object.temperature``); ``frame.<name>`` is a value
of the layout. ChirpStack leaves out what is zero or empty.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from connectors.formats._body import json_document
from connectors.formats._codecs import codec
from connectors.formats._errors import ReadError, shown
from connectors.formats._frames import Layout
from connectors.formats._keys import EntityId, ObservedAt
from connectors.formats._mapping import Mapped
from connectors.formats._values import AsPath, Value
from connectors.model import Payload, Reason, Record, Reference, Rejected

_EVENT = re.compile(r"(?:/event/|[?&]event=)(\w+)$")


def _layout(value: Any) -> Any:
    return codec(value) if isinstance(value, str) else value


class Options(Mapped):
    """``codec`` is a layout or the name of a ready one; without it the mapping reads ChirpStack's own ``object``."""

    kind: Literal["chirpstack"]
    entity_id: Annotated[EntityId, AsPath] = EntityId(source=("deviceInfo.devEui",))
    observed_at: Annotated[ObservedAt, AsPath] | None = ObservedAt(source=("time",))
    codec: Annotated[Layout, BeforeValidator(_layout)] | None = None
    f_ports: tuple[int, ...] = ()  # those whose frames are of this layout; none: all

    def all_fields(self) -> Mapping[str, Value]:
        """The fields of the layout and the declared ones, which come first."""
        return {**self.layout_fields, **self.fields}

    @cached_property
    def layout_fields(self) -> dict[str, Value]:
        """What the layout sends to the contract."""
        fields = self.codec.all_fields if self.codec else ()
        return {f.to: Value(source=(f"frame.{f.name}",), unit=f.unit, format=f.format) for f in fields if f.to}

    @cached_property
    def measured(self) -> frozenset[str]:
        """Names of the frame's values that make it an observation; none: any frame is one."""
        return frozenset(f.name for f in self.codec.all_fields if f.to) if self.codec else frozenset()


def decode(payload: Payload, options: Options, reference: Reference) -> Iterator[Record | Rejected]:
    """The observation of an uplink; nothing for other events, other ports and frames that say nothing."""
    try:
        event = _uplink(payload)
        if event is not None and _has_frame(event, options):
            yield options.json_reader.record(event, event, payload, reference)
    except ReadError as e:
        yield e.of(payload)


def _uplink(payload: Payload) -> dict[str, Any] | None:
    kind = _EVENT.search(payload.place)
    if kind is not None and kind.group(1) != "up":
        return None
    event = json_document(payload)
    if type(event) is not dict:
        raise ReadError(Reason.MALFORMED, f"{shown(event)} is not an event")
    if "devEUI" in event or "applicationID" in event:
        raise ReadError(Reason.UNSUPPORTED, "an event of ChirpStack before v4")
    if kind is None and "rxInfo" not in event:  # only an uplink tells which gateways heard it
        if "deviceInfo" in event or "gatewayId" in event:
            return None
        raise ReadError(Reason.UNSUPPORTED, "not an event of ChirpStack v4")
    return event


def _has_frame(event: dict[str, Any], options: Options) -> bool:
    port = event.get("fPort", 0)
    if options.f_ports and port not in options.f_ports:
        return False
    if options.codec is None:
        return True
    data = event.get("data", "")
    if not data and not port:  # only commands of the radio
        return False
    try:
        frame = b64decode(data, validate=True)
    except (ValueError, TypeError) as e:
        raise ReadError(Reason.MALFORMED, f"data: {shown(data)} is not base64") from e
    if frame in options.codec.ignored:
        return False
    event["frame"] = values = options.codec.decode(frame)
    return not options.measured or not options.measured.isdisjoint(values)  # else only the battery's state, say
