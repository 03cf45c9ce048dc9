"""GTFS-Realtime vehicle positions (protobuf), with lines and times from the GTFS timetable as reference."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from math import isfinite
from typing import Any, Literal

from google.protobuf.message import DecodeError, EncodeError
from google.transit.gtfs_realtime_pb2 import FeedEntity, FeedMessage, VehiclePosition

from connectors.formats._body import unpacked
from connectors.formats._errors import ReadError, shown
from connectors.formats._gtfs import read_timetable
from connectors.formats._schedule import Start, Trip, clock, scheduled, service_day
from connectors.formats._times import EPOCH
from connectors.model import FormatOptions, Payload, Reason, Record, Reference, Rejected

EVENT = "vehicle_position"

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
        feed = _feed(payload)
    except ReadError as e:
        yield e.of(payload)
        return
    for index, entity in enumerate(feed.entity):
        if not entity.HasField("vehicle") or entity.is_deleted:
            continue
        try:
            yield _record(entity, feed.header.timestamp, options, reference)
        except ReadError as e:
            yield Rejected(e.reason, e.detail, f"entity[{index}]", entity.SerializePartialToString())


def read_reference(payload: Payload, options: Options) -> Reference:  # noqa: ARG001 - the same for every format
    """The trips of a GTFS zip, each as ``trip:<trip_id>``; see `connectors.formats._schedule.Trip`.

    Raises:
        ValueError: the zip cannot be read, or is hostile.
    """
    return read_timetable(payload.body)


def _feed(payload: Payload) -> Any:
    feed = FeedMessage()
    try:
        feed.ParseFromString(unpacked(payload.body))
    except (DecodeError, EncodeError, ValueError, RuntimeError) as e:
        raise ReadError(Reason.MALFORMED, f"not GTFS-Realtime: {e}") from e
    if not feed.HasField("header"):
        raise ReadError(Reason.MALFORMED, "not GTFS-Realtime: it has no header")
    version = feed.header.gtfs_realtime_version
    if version.split(".")[0] not in ("1", "2"):
        raise ReadError(Reason.UNSUPPORTED, f"version {shown(version)}; 1.0 and 2.0 are read")
    return feed


def _record(entity: FeedEntity, feed_time: int, options: Options, reference: Reference) -> Record:
    vehicle = entity.vehicle
    observed_at = _time(vehicle.timestamp or feed_time)
    values: dict[str, Any] = {}
    if vehicle.HasField("position"):
        values |= _position(vehicle.position)
    trip = vehicle.trip
    known = Trip.of(reference, trip.trip_id) if trip.trip_id else None
    values["trip_id"] = trip.trip_id or None
    values["line_id"] = trip.route_id or (known.line_id if known else None)
    values["direction_id"] = (
        trip.direction_id if trip.HasField("direction_id") else known.direction_id if known else None
    )
    values |= _stop(vehicle, known, observed_at)
    entity_id = vehicle.vehicle.id or vehicle.vehicle.label or vehicle.vehicle.license_plate or entity.id
    if not entity_id:
        raise ReadError(Reason.MISSING_FIELD, "entity_id: the vehicle has no id")
    return Record(EVENT, options.prefix + entity_id, observed_at, {n: v for n, v in values.items() if v is not None})


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
    stop_id = vehicle.stop_id or None
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
    return Start(service_day(trip.start_date), clock(trip.start_time))
