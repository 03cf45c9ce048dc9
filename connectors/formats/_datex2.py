"""What the dialects of DATEX II v2 parking call things."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

EVENT = "parking_observed"

_OCCUPANCY = "parkingOccupancy/"
_INTERVAL = "parkingOccupancy/vehicleCountAndRate/vehicleCountWithinInterval/"
_OPENING = {"open": "open", "closed": "closed", "closedAbnormal": "closed", "*": "unknown"}


def _count(*paths: str) -> dict[str, Any]:
    return {"from": list(paths), "null_below": 0}  # huge negative numbers stand for unknown


def _time(path: str) -> list[str]:
    return [path, "$/publicationTime"]


def _point(*parents: str) -> dict[str, str]:
    ways = [f"{p}/{w}" for p in parents for w in ("pointByCoordinates/pointCoordinates", "locationForDisplay")]
    return {axis[:3]: "|".join(f"{w}/{axis}" for w in ways) for axis in ("latitude", "longitude")}


#: Elements that say when a state was seen.
OWN_TIMES = frozenset({"parkingStatusOriginTime", "parkingFacilityStatusTime", "parkingAreaStatusTime"})

#: What holds states, and what holds tables; they may be empty.
STATE_PUBLICATIONS = frozenset({"parkingStatusPublication", "parkingFacilityTableStatusPublication"})
TABLE_PUBLICATIONS = frozenset({"parkingTablePublication", "parkingFacilityTablePublication"})

#: By name of the element, the mapping of a state.
STATES: Mapping[str, Mapping[str, Any]] = {
    "parkingRecordStatus": {
        "entity_id": "parkingRecordReference/@id",
        "observed_at": _time("parkingStatusOriginTime"),
        "constants": {"area_type": "site"},
        "fields": {
            "total_spaces": _count(_OCCUPANCY + "parkingNumberOfSpacesOverride"),
            "free_spaces": _count(_OCCUPANCY + "parkingNumberOfVacantSpaces"),
            "occupied_spaces": _count(
                _OCCUPANCY + "parkingNumberOfOccupiedSpaces", _OCCUPANCY + "parkingNumberOfVehicles"
            ),
            "arrivals_count": _count(_INTERVAL + "numberOfIncomingVehicles/vehicleCount"),
            "departures_count": _count(_INTERVAL + "numberOfOutgoingVehicles/vehicleCount"),
            "counting_interval_seconds": _count(_INTERVAL + "measurementInterval"),
            "opening_status": {"from": "parkingSiteOpeningStatus", "values": _OPENING},
        },
    },
    "parkingFacilityStatus": {
        "entity_id": "parkingFacilityReference/@id",
        "observed_at": _time("parkingFacilityStatusTime"),
        "constants": {"area_type": "site"},
        "fields": {
            "total_spaces": _count("totalParkingCapacityOverride", "totalParkingCapacityShortTermOverride"),
            "free_spaces": _count("totalNumberOfVacantParkingSpaces"),
            "occupied_spaces": _count("totalNumberOfOccupiedParkingSpaces"),
        },
    },
    "parkingAreaStatus": {
        "entity_id": "parkingAreaReference/@id",
        "observed_at": _time("parkingAreaStatusTime"),
        "constants": {"area_type": "zone"},
        "fields": {
            "total_spaces": _count("totalParkingCapacityOverride", "totalParkingCapacityShortTermOverride"),
            "free_spaces": _count("parkingAreaTotalNumberOfVacantParkingSpaces"),
        },
    },
}

#: By name of the element, the mapping of a table's line.
TABLES: Mapping[str, Mapping[str, Any]] = {
    "parkingRecord": {
        "entity_id": "@id",
        "fields": {
            "name": "parkingName/values/value",
            "total_spaces": _count("parkingNumberOfSpaces"),
            "zone_id": "groupOfParkingSites/@id|groupOfParkingSites",
        },
        "location": _point("parkingLocation"),
    },
    "parkingFacility": {
        "entity_id": "@id",
        "fields": {
            "name": "parkingFacilityName/values/value",
            "total_spaces": _count("totalParkingCapacity", "totalParkingCapacityShortTerm"),
        },
        "location": _point("facilityLocation", "entranceLocation"),
    },
    "parkingArea": {
        "entity_id": "@id",
        "fields": {"name": "parkingAreaName/values/value", "total_spaces": _count("totalParkingCapacity")},
        "location": _point("areaLocation"),
    },
}

#: The older dialect's zones, and what in them names a car park.
AREA, MEMBERS = "parkingArea", ("parkingFacilityReference", "parkingFacility")

#: Statuses of the older dialect that say whether one may drive in; the first that is there counts.
FACILITY_OPENING = {
    "closed": "closed",
    "open": "open",
    "spacesAvailable": "open",
    "almostFull": "open",
    "full": "open",
    "fullAtEntrance": "open",
}


def complete(values: dict[str, Any]) -> None:
    """Add the occupied or the free spaces where the other and the total are known."""
    total, occupied, free = (values.get(n) for n in ("total_spaces", "occupied_spaces", "free_spaces"))
    if total is not None and occupied is None and free is not None and free <= total:
        values["occupied_spaces"] = total - free
    elif total is not None and free is None and occupied is not None:
        values["free_spaces"] = max(0, total - occupied)  # over capacity is full, not less than full
    if "arrivals_count" not in values and "departures_count" not in values:
        values.pop("counting_interval_seconds", None)  # nothing was counted in it
