"""GTFS-Realtime vehicle positions (protobuf), with lines and times from the GTFS timetable as reference."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from math import isfinite
from typing import Any, Literal

from google.protobuf.message import DecodeError, EncodeError
from google.transit.gtfs_realtime_pb2 import FeedEntity, FeedHeader, FeedMessage, VehiclePosition

from connectors.formats._body import unpacked
from connectors.formats._errors import ReadError, shown
from connectors.formats._gtfs import read_timetable
from connectors.formats._protobuf import part, parts
from connectors.formats._schedule import Start, Trip, clock, scheduled, service_day
from connectors.formats._times import EPOCH
from connectors.model import Alone, FormatOptions, Payload, Reason, Record, Reference, Rejected

EVENT = "vehicle_position"
MAX_ENTITIES = 300_000
MAX_ENTITY_BYTES = 1_000_000
MAX_HEADER_BYTES = 10_000

STOP_STATUS = {
    VehiclePosition.INCOMING_AT: "incoming_at",
    VehiclePosition.STOPPED_AT: "stopped_at",
    VehiclePosition.IN_TRANSIT_TO: "in_transit_to",
}
KM_PER_H = 3.6
DECIMALS = 6  # positions are 32-bit floats


class Options(FormatOptions):
    """``prefix`` keeps the vehicles of several operators apart."""

    kind: Literal["gtfs_rt"]
    prefix: str = ""


def decode(payload: Payload, options: Options, reference: Reference) -> Iterator[Record | Rejected]:
    """The position of each vehicle; trip updates and alerts in the same feed are passed over."""
    try:
        body = unpacked(payload.body)
        header, entities = _feed(body)
    except ReadError as e:
        yield e.of(payload)
        return
    for index, (start, end) in enumerate(entities):
        alone = partial(_alone, header, body[start:end])
        try:
            entity = _entity(body[start:end])
            if not entity.HasField("vehicle") or entity.is_deleted:
                continue
            if not entity.vehicle.timestamp:
                alone = partial(_alone, header, body[start:end], header.timestamp)
            yield _record(entity, header.timestamp, options, reference, alone)
        except ReadError as e:
            yield Rejected(e.reason, e.detail, f"entity[{index}]", alone())


def _alone(header: FeedHeader, entity: bytes, timestamp: int = 0) -> bytes:
    """A feed of one entity; with the feed's time only where a vehicle has none, so that it is the same each time."""
    own = FeedHeader(gtfs_realtime_version=header.gtfs_realtime_version)
    if timestamp:
        own.timestamp = timestamp
    head = own.SerializePartialToString(deterministic=True)
    return part(FeedMessage.HEADER_FIELD_NUMBER, head) + part(FeedMessage.ENTITY_FIELD_NUMBER, entity)


def read_reference(payload: Payload, options: Options) -> Reference:  # noqa: ARG001 - the same for every format
    """The trips of a GTFS zip, each as ``trip:<trip_id>``; see `connectors.formats._schedule.Trip`.

    Raises:
        ValueError: the zip cannot be read, or is hostile.
    """
    return read_timetable(payload.body)


def _feed(body: bytes) -> tuple[FeedHeader, list[tuple[int, int]]]:
    """The header of a feed, and where its entities begin and end."""
    header, entities = None, []
    for number, start, end in parts(body):
        if number == FeedMessage.ENTITY_FIELD_NUMBER:
            entities.append((start, end))
            if len(entities) > MAX_ENTITIES:
                raise ReadError(Reason.TOO_LARGE, f"a feed of more than {MAX_ENTITIES} entities")
        elif number == FeedMessage.HEADER_FIELD_NUMBER and end - start <= MAX_HEADER_BYTES:
            header = header or FeedHeader()
            _parse(header, body[start:end])
    if header is None:
        raise ReadError(Reason.MALFORMED, "not GTFS-Realtime: it has no header")
    version = _text(header.gtfs_realtime_version) or ""
    if version.split(".")[0] not in ("1", "2"):
        raise ReadError(Reason.UNSUPPORTED, f"version {shown(version)}; 1.0 and 2.0 are read")
    return header, entities


def _entity(part: bytes) -> FeedEntity:
    if len(part) > MAX_ENTITY_BYTES:
        raise ReadError(Reason.TOO_LARGE, f"an entity of {len(part)} bytes; {MAX_ENTITY_BYTES} are allowed")
    entity = FeedEntity()
    _parse(entity, part)
    return entity


def _parse(message: Any, part: bytes) -> None:
    try:
        message.MergeFromString(part)
    except (DecodeError, EncodeError, ValueError, RuntimeError) as e:
        raise ReadError(Reason.MALFORMED, f"not GTFS-Realtime: {e}") from e


def _record(entity: FeedEntity, feed_time: int, options: Options, reference: Reference, alone: Alone) -> Record:
    vehicle, trip = entity.vehicle, entity.vehicle.trip
    observed_at = _time(vehicle.timestamp or feed_time)
    trip_id = _text(trip.trip_id)
    known = Trip.of(reference, trip_id) if trip_id else None
    direction = trip.direction_id if trip.HasField("direction_id") else None
    values = {
        **(_position(vehicle.position) if vehicle.HasField("position") else {}),
        "trip_id": trip_id,
        "line_id": _text(trip.route_id) or (known.line_id if known else None),
        "direction_id": known.direction_id if known and direction is None else direction,
        **_stop(vehicle, known, observed_at),
    }
    described = vehicle.vehicle
    entity_id = _text(described.id) or _text(described.label) or _text(entity.id)  # never its plate
    if not entity_id:
        raise ReadError(Reason.MISSING_FIELD, "entity_id: the vehicle has no id")
    known_values = {n: v for n, v in values.items() if v is not None}
    return Record(EVENT, options.prefix + entity_id, observed_at, known_values, alone)


def _text(raw: str | bytes) -> str | None:
    """The text of a field; protobuf hands out bytes where it is not UTF-8."""
    if isinstance(raw, bytes):
        raise ReadError(Reason.WRONG_TYPE, f"{shown(raw)} is not UTF-8")
    return raw or None


def _time(seconds: int) -> datetime:
    if not seconds:
        raise ReadError(Reason.MISSING_FIELD, "timestamp: neither the vehicle nor the feed has one")
    try:
        return EPOCH + timedelta(seconds=seconds)
    except OverflowError as e:
        raise ReadError(Reason.WRONG_TYPE, f"timestamp: {seconds} is no time") from e


def _position(position: Any) -> dict[str, Any]:
    lat, lon = position.latitude, position.longitude
    if not (isfinite(lat) and isfinite(lon)):
        raise ReadError(Reason.WRONG_TYPE, f"position: ({lat}, {lon}) is no place")
    speed, bearing = position.speed, position.bearing
    return {
        "location": {"lat": round(lat, DECIMALS), "lon": round(lon, DECIMALS)},
        "speed_km_per_h": round(speed * KM_PER_H, DECIMALS) if position.HasField("speed") and isfinite(speed) else None,
        "bearing_degrees": bearing if position.HasField("bearing") and isfinite(bearing) else None,
    }


def _stop(vehicle: VehiclePosition, trip: Trip | None, observed_at: datetime) -> dict[str, Any]:
    sequence = vehicle.current_stop_sequence if vehicle.HasField("current_stop_sequence") else None
    stop_id = _text(vehicle.stop_id)
    if sequence is None and stop_id is None:
        return {}
    values: dict[str, Any] = {
        "stop_sequence": sequence,
        "stop_id": stop_id,
        "stop_status": STOP_STATUS.get(vehicle.current_status),  # the standard's default is in_transit_to
    }
    if trip is None:
        return values
    stops = trip.stops(sequence, stop_id)
    found = scheduled(trip, stops, _start(vehicle.trip), observed_at)
    if found:
        values["scheduled_at"] = found[1]
    stop = found[0] if found else stops[0] if len(stops) == 1 else None
    if stop is not None:
        values["stop_sequence"] = trip.sequences[stop]
        values["stop_id"] = stop_id or trip.stop_ids[stop]
    return values


def _start(trip: Any) -> Start:
    return Start(service_day(_text(trip.start_date) or ""), clock(_text(trip.start_time) or ""))
