"""DATEX II v2 parking publications in two dialects: car parks and their states come in, XML goes out.

The parking-record dialect (parkingRecordStatus, with prefixed names) counts movements; the facility-table dialect
(parkingFacilityTableStatusPublication, with a default namespace) does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from simulator.local_time import iso

NAMESPACE = "http://datex2.eu/schema/2/2_0"
XSI = "http://www.w3.org/2001/XMLSchema-instance"


@dataclass(frozen=True)
class Site:
    """A car park as its publication describes it."""

    id: str
    name: str
    zone_id: str
    capacity: int
    lat: float
    lon: float


@dataclass(frozen=True)
class Status:
    """How full a car park is; `occupied` is text, so that it can be wrong."""

    id: str
    capacity: int
    occupied: str
    free: int
    arrivals: int
    departures: int


def record_sites(sites: Iterable[Site], time: int) -> bytes:
    """The parking-record dialect's description of car parks; a zone is a group of parking sites."""
    at = iso(time)
    zones: dict[str, list[Site]] = {}
    for site in sites:
        zones.setdefault(site.zone_id, []).append(site)
    records = "".join(_record_site(s, at) for group in zones.values() for s in group)
    table = (
        f'<d:parkingTablePublication>{_HEADER}<d:parkingTable id="sites" version="1">'
        f"<d:parkingTableVersionTime>{at}</d:parkingTableVersionTime>{records}"
        "</d:parkingTable></d:parkingTablePublication>"
    )
    return _prefixed(table, "ParkingTablePublication", at)


def record_statuses(statuses: Iterable[Status], time: int, interval_seconds: int) -> bytes:
    """The parking-record dialect's state of car parks at a time, with the movements of the interval before it."""
    at = iso(time)
    body = "".join(_record_status(s, at, interval_seconds) for s in statuses)
    table = f"<d:parkingStatusPublication>{_HEADER}{body}</d:parkingStatusPublication>"
    return _prefixed(table, "ParkingStatusPublication", at)


def table_facilities(sites: Iterable[Site], time: int) -> bytes:
    """The facility-table dialect's description of car parks; a zone is a parking area that names its facilities."""
    at = iso(time)
    sites = list(sites)
    zones = {zone: [s for s in sites if s.zone_id == zone] for zone in dict.fromkeys(s.zone_id for s in sites)}
    body = "".join(_area(zone, members) for zone, members in zones.items()) + "".join(map(_facility, sites))
    table = (
        f'<parkingFacilityTablePublication>{_PLAIN_HEADER}<parkingFacilityTable id="facilities" version="1">'
        f"<parkingFacilityTableVersionTime>{at}</parkingFacilityTableVersionTime>{body}"
        "</parkingFacilityTable></parkingFacilityTablePublication>"
    )
    return _plain(table, "ParkingFacilityTablePublication", at)


def table_statuses(statuses: Iterable[Status], time: int) -> bytes:
    """The facility-table dialect's state of car parks at a time."""
    at = iso(time)
    body = "".join(_facility_status(s, at) for s in statuses)
    table = f"<parkingFacilityTableStatusPublication>{_PLAIN_HEADER}{body}</parkingFacilityTableStatusPublication>"
    return _plain(table, "ParkingFacilityTableStatusPublication", at)


_HEADER = (
    "<d:headerInformation><d:confidentiality>noRestriction</d:confidentiality>"
    "<d:informationStatus>real</d:informationStatus></d:headerInformation>"
)
_PLAIN_HEADER = _HEADER.replace("d:", "")


def _record_site(s: Site, at: str) -> str:
    return (
        f'<d:parkingRecord id="{s.id}" version="1" xsi:type="d:UrbanParkingSite">'
        f'<d:parkingName><d:values><d:value lang="fr">{s.name}</d:value></d:values></d:parkingName>'
        f"<d:parkingRecordVersionTime>{at}</d:parkingRecordVersionTime>"
        f"<d:parkingNumberOfSpaces>{s.capacity}</d:parkingNumberOfSpaces>"
        '<d:parkingLocation xsi:type="d:Point"><d:pointByCoordinates><d:pointCoordinates>'
        f"<d:latitude>{s.lat}</d:latitude><d:longitude>{s.lon}</d:longitude>"
        "</d:pointCoordinates></d:pointByCoordinates></d:parkingLocation>"
        f"<d:parkingLayout>multiStorey</d:parkingLayout><d:groupOfParkingSites>{s.zone_id}</d:groupOfParkingSites>"
        "<d:urbanParkingSiteType>offStreetParking</d:urbanParkingSiteType></d:parkingRecord>"
    )


def _record_status(s: Status, at: str, interval: int) -> str:
    return (
        f'<d:parkingRecordStatus xsi:type="d:ParkingSiteStatus"><d:parkingRecordReference id="{s.id}"'
        f' targetClass="ParkingRecord" version="1"/><d:parkingStatusOriginTime>{at}</d:parkingStatusOriginTime>'
        f"<d:parkingOccupancy><d:parkingNumberOfSpacesOverride>{s.capacity}</d:parkingNumberOfSpacesOverride>"
        f"<d:parkingNumberOfVacantSpaces>{s.free}</d:parkingNumberOfVacantSpaces>"
        f"<d:parkingNumberOfOccupiedSpaces>{s.occupied}</d:parkingNumberOfOccupiedSpaces>"
        "<d:vehicleCountAndRate><d:vehicleCountWithinInterval>"
        f"<d:measurementInterval>{interval}.0</d:measurementInterval><d:numberOfIncomingVehicles>"
        f"<d:vehicleCount>{s.arrivals}</d:vehicleCount></d:numberOfIncomingVehicles><d:numberOfOutgoingVehicles>"
        f"<d:vehicleCount>{s.departures}</d:vehicleCount></d:numberOfOutgoingVehicles>"
        "</d:vehicleCountWithinInterval></d:vehicleCountAndRate></d:parkingOccupancy>"
        f"<d:parkingSiteStatus>{'spacesAvailable' if s.free else 'full'}</d:parkingSiteStatus>"
        "<d:parkingSiteOpeningStatus>open</d:parkingSiteOpeningStatus></d:parkingRecordStatus>"
    )


def _area(zone: str, members: list[Site]) -> str:
    references = "".join(
        f'<parkingFacilityReference targetClass="ParkingFacility" id="{s.id}" version="1"/>' for s in members
    )
    return (
        f'<parkingArea id="{zone}" version="1">'
        f'<parkingAreaName><values><value lang="fr">{zone}</value></values></parkingAreaName>'
        f"<totalParkingCapacity>{sum(s.capacity for s in members)}</totalParkingCapacity>"
        f"<parkingFacilityReferences>{references}</parkingFacilityReferences></parkingArea>"
    )


def _facility(s: Site) -> str:
    return (
        f'<parkingFacility id="{s.id}" version="1"><entranceLocation xsi:type="Point"><pointByCoordinates>'
        f"<pointCoordinates><latitude>{s.lat}</latitude><longitude>{s.lon}</longitude></pointCoordinates>"
        f'</pointByCoordinates></entranceLocation><parkingFacilityName><values><value lang="fr">{s.name}</value>'
        f"</values></parkingFacilityName><totalParkingCapacity>{s.capacity}</totalParkingCapacity></parkingFacility>"
    )


def _facility_status(s: Status, at: str) -> str:
    share = f"{min(int(s.occupied) / s.capacity, 1):.4f}" if s.occupied.isdigit() else s.occupied
    return (
        f"<parkingFacilityStatus><parkingFacilityOccupancy>{share}</parkingFacilityOccupancy>"
        f'<parkingFacilityReference targetClass="ParkingFacility" id="{s.id}" version="1"/>'
        "<parkingFacilityStatus>open</parkingFacilityStatus>"
        f"<parkingFacilityStatusTime>{at}</parkingFacilityStatusTime>"
        f"<totalNumberOfOccupiedParkingSpaces>{s.occupied}</totalNumberOfOccupiedParkingSpaces>"
        f"<totalNumberOfVacantParkingSpaces>{s.free}</totalNumberOfVacantParkingSpaces>"
        f"<totalParkingCapacityOverride>{s.capacity}</totalParkingCapacityOverride></parkingFacilityStatus>"
    )


def _prefixed(content: str, name: str, at: str) -> bytes:
    creator = "<d:country>fr</d:country><d:nationalIdentifier>FR-SIM</d:nationalIdentifier>"
    return (
        f'<d:d2LogicalModel xmlns:d="{NAMESPACE}" modelBaseVersion="2"><d:exchange><d:supplierIdentification>'
        f'{creator}</d:supplierIdentification></d:exchange><d:payloadPublication xmlns:xsi="{XSI}" lang="fr"'
        f' xsi:type="d:GenericPublication"><d:publicationTime>{at}</d:publicationTime><d:publicationCreator>'
        f"{creator}</d:publicationCreator><d:genericPublicationName>{name}</d:genericPublicationName>"
        f"<d:genericPublicationExtension>{content}</d:genericPublicationExtension></d:payloadPublication>"
        "</d:d2LogicalModel>"
    ).encode()


def _plain(content: str, name: str, at: str) -> bytes:
    creator = "<country>fr</country><nationalIdentifier>FR-SIM</nationalIdentifier>"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><d2LogicalModel xmlns="{NAMESPACE}" xmlns:xsi="{XSI}"'
        f' modelBaseVersion="2"><exchange><supplierIdentification>{creator}</supplierIdentification></exchange>'
        f'<payloadPublication lang="fr" xsi:type="GenericPublication"><publicationTime>{at}</publicationTime>'
        f"<publicationCreator>{creator}</publicationCreator><genericPublicationName>{name}</genericPublicationName>"
        f"<genericPublicationExtension>{content}</genericPublicationExtension></payloadPublication></d2LogicalModel>"
    ).encode()
