"""DATEX II v2 parking, in both of its dialects and any namespace prefix: states as observations, tables as reference.

The newer dialect has ``parkingRecordStatus`` and ``parkingRecord``, the older one ``parkingFacilityStatus`` (and
``parkingAreaStatus`` for zones) and ``parkingFacility``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from copy import deepcopy
from functools import cached_property, partial
from typing import Any, Literal, TypeVar

from lxml import etree
from pydantic import field_validator

from connectors.formats._datex2 import (
    AREA,
    EVENT,
    FACILITY_OPENING,
    MEMBERS,
    OWN_TIMES,
    STATE_PUBLICATIONS,
    STATES,
    TABLE_PUBLICATIONS,
    TABLES,
    complete,
)
from connectors.formats._errors import ReadError, shown
from connectors.formats._mapping import Entry, Mapped, Reader
from connectors.formats._reference import reference_of
from connectors.formats._times import zone
from connectors.formats._xml import children, flat, flat_getter, local_name, named, xml_root
from connectors.model import Alone, FormatOptions, Payload, Reason, Record, Reference, Rejected

V2 = "http://datex2.eu/schema/2/"
Element = etree._Element
Row = dict[str, str]
T = TypeVar("T")


class _FlatMapping(Mapped):
    def check(self) -> None:
        _ = self.flat_reader

    @cached_property
    def flat_reader(self) -> Reader:
        return Reader(self, flat_getter, dict)


class Options(FormatOptions):
    """``prefix`` keeps the ids of several operators apart; ``timezone`` is that of times without one."""

    kind: Literal["datex2_parking"]
    prefix: str = ""
    timezone: str | None = None

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        return zone(name).key if name else None

    @cached_property
    def states(self) -> Mapping[str, Reader]:
        """How each kind of state is read."""
        return {name: self._reader(state) for name, state in STATES.items()}

    @cached_property
    def tables(self) -> Mapping[str, Reader]:
        """How each kind of table's line is read."""
        return {name: self._reader(line) for name, line in TABLES.items()}

    def _reader(self, declared: Mapping[str, Any]) -> Reader:
        own: dict[str, Any] = {"entity_id": {"from": [declared["entity_id"]], "prefix": self.prefix}}
        if "observed_at" in declared:
            own["observed_at"] = {"from": declared["observed_at"], "timezone": self.timezone}
        return _FlatMapping.model_validate({"kind": self.kind, "event": EVENT, **declared, **own}).flat_reader


def decode(payload: Payload, options: Options, reference: Reference) -> Iterator[Record | Rejected]:
    """The state of each car park and zone."""

    def read(element: Element, reader: Reader, document: Row, alone: Alone) -> Record:
        row = flat(element)
        return _state(reader.record(row, document, payload, reference, alone), row, element)

    return _each(payload, options.states, STATE_PUBLICATIONS, read)


def read_entries(payload: Payload, options: Options) -> Iterator[Entry | Rejected]:
    """Each line of a table with its name, place and capacity; one without place or capacity is rejected."""
    return _each(payload, options.tables, TABLE_PUBLICATIONS, lambda e, r, d, _: _whole(r.entry(flat(e), d, payload)))


def read_reference(payload: Payload, options: Options) -> Reference:
    """What a table says of car parks, also of those it says little of, and the zone each belongs to.

    Raises:
        ValueError: nothing in it can be read.
    """
    zones: dict[str, str] = {}

    def read(element: Element, reader: Reader, document: Row, _: Alone) -> Entry:
        entity_id, values = reader.entry(flat(element), document, payload)
        if "zone_id" in values:
            values["zone_id"] = options.prefix + values["zone_id"]
        if local_name(element) == AREA:
            zones.update((options.prefix + str(m.get("id")), entity_id) for m in named(element, MEMBERS))
        return entity_id, values

    known = reference_of(_each(payload, options.tables, TABLE_PUBLICATIONS, read))
    return {name: {"zone_id": zones[name], **values} if name in zones else values for name, values in known.items()}


def _each(
    payload: Payload,
    readers: Mapping[str, Reader],
    publications: Collection[str],
    read: Callable[[Element, Reader, Row, Alone], T],
) -> Iterator[T | Rejected]:
    try:
        model = _model(xml_root(payload))
        elements = [e for e in named(model, readers) if not _is_value(e)]
        if not elements and not named(model, publications):
            raise ReadError(Reason.UNSUPPORTED, f"none of {', '.join(readers)} in it")
    except ReadError as e:
        yield e.of(payload)
        return
    times = [t for p in children(model, "payloadPublication") for t in children(p, "publicationTime")]
    document = {"publicationTime": times[0].text or ""} if times else {}
    for index, element in enumerate(elements):
        name = local_name(element)
        alone = partial(_alone, model, element, times[:1])
        try:
            yield read(element, readers[name], document, alone)
        except ReadError as e:
            yield Rejected(e.reason, e.detail, f"{name}[{index}]", alone())


def _alone(model: Element, element: Element, times: Collection[Element]) -> bytes:
    """A publication of one element; with the publication's time only where the element has none of its own."""
    prefixes: Any = model.nsmap
    made = etree.Element(model.tag, nsmap=prefixes)
    made.attrib.update(model.attrib)
    publication = etree.SubElement(made, str(model.tag).replace("d2LogicalModel", "payloadPublication"))
    if OWN_TIMES.isdisjoint(local_name(c) for c in element):
        publication.extend(deepcopy(t) for t in times)
    publication.append(deepcopy(element))
    publication[-1].tail = None
    return etree.tostring(made)


def _model(root: Element) -> Element:
    models = named(root, ["d2LogicalModel"])
    if not models:
        raise ReadError(Reason.UNSUPPORTED, f"{shown(root.tag)} is not DATEX II v2")
    model = models[0]
    if not str(model.tag).startswith("{" + V2) and model.get("modelBaseVersion") != "2":
        raise ReadError(Reason.UNSUPPORTED, f"{shown(model.tag)} is not version 2")
    return model


def _is_value(element: Element) -> bool:
    """Whether it is the word inside a ``parkingFacilityStatus``, which has the same name as what it stands in."""
    parent = element.getparent()
    return parent is not None and local_name(parent) == local_name(element)


def _state(record: Record, row: Row, element: Element) -> Record:
    if "Group" in row.get("@type", ""):
        record.values["area_type"] = "zone"
    if local_name(element) == "parkingFacilityStatus":
        words = {(c.text or "").strip() for c in children(element, "parkingFacilityStatus")}
        opening = next((o for word, o in FACILITY_OPENING.items() if word in words), "unknown" if words else None)
        if opening:
            record.values["opening_status"] = opening
    complete(record.values)
    return record


def _whole(entry: Entry) -> Entry:
    for name in ("total_spaces", "location"):
        if name not in entry[1]:
            raise ReadError(Reason.MISSING_FIELD, f"{name}: is required and not there")
    return entry
