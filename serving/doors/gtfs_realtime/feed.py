"""Latest positions of vehicles as a GTFS-Realtime feed; the reverse of what a connector reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from google.transit.gtfs_realtime_pb2 import FeedEntity, FeedHeader, FeedMessage, VehiclePosition

from serving.queries.kinds import instant

VERSION = "2.0"
KM_PER_H = 3.6
STOP_STATUS = {
    "incoming_at": VehiclePosition.INCOMING_AT,
    "stopped_at": VehiclePosition.STOPPED_AT,
    "in_transit_to": VehiclePosition.IN_TRANSIT_TO,
}


def feed(vehicles: Iterable[Mapping[str, Any]], now: datetime) -> bytes:
    """A whole feed (protobuf) of known positions, made at a time; what is unknown or hidden is not in it."""
    header = FeedHeader(
        gtfs_realtime_version=VERSION, incrementality=FeedHeader.FULL_DATASET, timestamp=int(now.timestamp())
    )
    entities = [FeedEntity(id=_name(v), vehicle=_position(v)) for v in vehicles]
    return bytes(FeedMessage(header=header, entity=entities).SerializeToString(deterministic=True))


def _name(vehicle: Mapping[str, Any]) -> str:
    return f"{vehicle['tenant']}|{vehicle['entity_id']}"


def _position(vehicle: Mapping[str, Any]) -> VehiclePosition:
    found = VehiclePosition(timestamp=int(instant(vehicle["observed_at"]).timestamp()))
    found.vehicle.id = vehicle["entity_id"]
    _set(
        found.trip,
        trip_id=vehicle.get("trip_id"),
        route_id=vehicle.get("line_id"),
        direction_id=vehicle.get("direction_id"),
    )
    _set(found, stop_id=vehicle.get("stop_id"), current_stop_sequence=vehicle.get("stop_sequence"))
    _set(found, current_status=STOP_STATUS.get(vehicle.get("stop_status", "")))
    if (where := vehicle.get("location")) is not None:
        speed = vehicle.get("speed_km_per_h")
        _set(found.position, latitude=where["lat"], longitude=where["lon"], bearing=vehicle.get("bearing_degrees"))
        _set(found.position, speed=None if speed is None else speed / KM_PER_H)
    return found


def _set(message: Any, **values: Any) -> None:
    for name, value in values.items():
        if value is not None:
            setattr(message, name, value)
