"""GTFS-Realtime vehicle positions: the states of a fleet come in, a protobuf feed message goes out."""

from __future__ import annotations

from collections.abc import Sequence

from google.transit import gtfs_realtime_pb2 as gtfs

from simulator.buses import NO_TRIP, Buses, BusStates
from simulator.chance import Ints
from simulator.local_time import local_date

_NOWHERE = float("nan")


def vehicle_positions(buses: Buses, states: BusStates, time: int, twice: Ints, broken: Ints) -> bytes:
    """Where the buses are at a time; the states at `twice` are said twice, beside those at `broken` is a false one."""
    feed = gtfs.FeedMessage()
    feed.header.gtfs_realtime_version = "2.0"
    feed.header.incrementality = gtfs.FeedHeader.FULL_DATASET
    feed.header.timestamp = time
    trips = buses.day(local_date(time)).trips
    date = f"{local_date(time):%Y%m%d}"
    rows = _rows(states)
    for bus, trip, rank, status, lat, lon, bearing, speed in [*rows, *(rows[i] for i in twice)]:
        name = buses.ids[bus]
        entity = feed.entity.add(id=name)
        vehicle = entity.vehicle
        vehicle.vehicle.id = name
        vehicle.timestamp = time
        position = vehicle.position
        position.latitude, position.longitude, position.bearing, position.speed = lat, lon, bearing, speed
        if trip == NO_TRIP:
            continue
        known = trips[trip]
        described = vehicle.trip
        described.trip_id = known.id
        described.route_id = known.line.id
        described.direction_id = known.direction
        described.start_date = date
        vehicle.current_stop_sequence = rank + 1
        vehicle.stop_id = known.line.stop_id(known.direction, rank)
        vehicle.current_status = status
    for number in broken:
        vehicle = feed.entity.add(id=f"defaut-{number}").vehicle
        vehicle.vehicle.id = f"defaut-{number}"
        vehicle.timestamp = time
        vehicle.position.latitude = vehicle.position.longitude = _NOWHERE
    return bytes(feed.SerializeToString())


def _rows(states: BusStates) -> Sequence[tuple[int, int, int, int, float, float, float, float]]:
    columns = (
        states.buses,
        states.trips,
        states.ranks,
        states.statuses,
        states.lat,
        states.lon,
        states.bearing_degrees,
        states.speed_m_per_s,
    )
    return list(zip(*(c.tolist() for c in columns), strict=True))
