"""Documents as entities: normalized, simplified, and as they changed in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from schemas import Field
from serving.doors.ngsi.types import EntityType
from serving.doors.ngsi.units import UNIT_CODES
from serving.queries.kinds import FieldKind, instant, kind_of

Document = Mapping[str, Any]
Entity = dict[str, Any]


def normalized(of: EntityType, document: Document, attributes: Sequence[str]) -> Entity:
    """An entity whose attributes say what they are, and when they were so; those without a value are not there."""
    found = {name: _attribute(of, name, document) for name in attributes if _has(of, name, document)}
    return {"id": of.urn(document), "type": of.name, **found}


def simplified(of: EntityType, document: Document, attributes: Sequence[str]) -> Entity:
    """An entity whose attributes are their values."""
    found = {name: _value(of.attributes[name], document) for name in attributes if _has(of, name, document)}
    return {"id": of.urn(document), "type": of.name, **found}


def evolution(of: EntityType, documents: Sequence[Document], attributes: Sequence[str]) -> Entity:
    """An entity whose attributes are lists of what they were, one for each time."""
    every = [normalized(of, d, attributes) for d in documents]
    found = {name: [e[name] for e in every if name in e] for name in attributes}
    return {"id": of.urn(documents[0]), "type": of.name, **{n: values for n, values in found.items() if values}}


def values_in_time(of: EntityType, documents: Sequence[Document], attributes: Sequence[str]) -> Entity:
    """An entity whose attributes are lists of pairs: the value, and its time."""
    found = {
        name: {
            "type": kind_name(of.attributes[name]),
            "values": [[_value(of.attributes[name], d), _time(of, d)] for d in documents if _has(of, name, d)],
        }
        for name in attributes
    }
    kept = {name: attribute for name, attribute in found.items() if attribute["values"]}
    return {"id": of.urn(documents[0]), "type": of.name, **kept}


def kind_name(field: Field) -> str:
    """What NGSI-LD calls an attribute of a field."""
    return "GeoProperty" if kind_of(field) is FieldKind.PLACE else "Property"


def utc(time: str) -> str:
    """A time as NGSI-LD writes it: UTC, with Z."""
    return instant(time).isoformat().replace("+00:00", "Z")


def _attribute(of: EntityType, name: str, document: Document) -> dict[str, Any]:
    field = of.attributes[name]
    unit = {"unitCode": UNIT_CODES[field.unit]} if field.unit in UNIT_CODES else {}
    return {"type": kind_name(field), "value": _value(field, document), **unit, "observedAt": _time(of, document)}


def _value(field: Field, document: Document) -> Any:
    value, kind = document[field.name], kind_of(field)
    if kind is FieldKind.PLACE:
        return {"type": "Point", "coordinates": [value["lon"], value["lat"]]}
    return {"@type": "DateTime", "@value": utc(value)} if kind is FieldKind.TIME else value


def _has(of: EntityType, name: str, document: Document) -> bool:
    return document.get(of.attributes[name].name) is not None


def _time(of: EntityType, document: Document) -> str:
    return utc(document[of.contract.time])
