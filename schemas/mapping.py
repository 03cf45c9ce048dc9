"""Elasticsearch index templates and names, derived from contracts."""

from __future__ import annotations

from typing import Any

from schemas.contract import AvroType, Contract, Field, Kind

PRIMITIVES: dict[str, dict[str, Any]] = {
    "string": {"type": "keyword"},
    "boolean": {"type": "boolean"},
    "int": {"type": "integer"},
    "long": {"type": "long"},
    "float": {"type": "float"},
    "double": {"type": "double"},
    "bytes": {"type": "binary"},
    "timestamp-micros": {"type": "date"},
    "timestamp-millis": {"type": "date"},
    "date": {"type": "date"},
    "GeoPoint": {"type": "geo_point"},
}
# Texts for people are found by their words, and as a whole too.
PROSE = {"name", "detail"}
PROSE_MAPPING = {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}}
# Numbers of observations are searched by their columns, which is slower; an index for each would be more to write.
NUMBERS = {"integer", "long", "float", "double"}
REFRESH = "2s"


class UnmappableError(ValueError):
    """A type that Elasticsearch has no strict mapping for."""


def mapping_of(field: Field) -> dict[str, Any]:
    """Elasticsearch mapping of a field.

    Raises:
        UnmappableError: its type has none; says which field and what to use instead.
    """
    if len(field.branches) != 1:
        raise UnmappableError(f"{field.name}: a union of {field.branches} cannot be one Elasticsearch type; use one")
    if field.name in PROSE:
        return PROSE_MAPPING
    try:
        return _mapping(field.avro_type)
    except KeyError:
        raise UnmappableError(
            f"{field.name}: no mapping for {field.logical_type!r}; there is one for {', '.join(PRIMITIVES)}, "
            "arrays of them and records"
        ) from None


def index_template(contract: Contract) -> dict[str, Any]:
    """Index template of the documents of a contract: strict, so that a field nobody declared is refused."""
    return _template(contract, f"{contract.alias}-*", [contract.alias])


def latest_template(contract: Contract) -> dict[str, Any]:
    """Index template of the newest state of each entity; whoever writes it makes it visible at once."""
    return _template(contract, f"{contract.latest_alias}-*", [contract.latest_alias, "city-latest"])


def _template(contract: Contract, pattern: str, aliases: list[str]) -> dict[str, Any]:
    return {
        "index_patterns": [pattern],
        "priority": 200,
        "_meta": {"contract": contract.name, "major": contract.major, "managed_by": "garonne"},
        "template": {
            "aliases": {a: {} for a in aliases},
            "settings": {
                "number_of_shards": 1,
                "number_of_replicas": 0,
                "refresh_interval": REFRESH,
                "translog.durability": "request",
                "codec": "default",
            },
            "mappings": {
                "dynamic": "strict",
                "_meta": {"contract": contract.name, "sensitivity": contract.declaration.sensitivity},
                "properties": {f.name: _property(contract, f) for f in contract.fields},
            },
        },
    }


def _property(contract: Contract, field: Field) -> dict[str, Any]:
    mapping = mapping_of(field)
    is_lean = contract.kind is Kind.EVENT and mapping.get("type") in NUMBERS
    return {**mapping, **({"index": False} if is_lean else {}), **_meta(field)}


def _mapping(avro: AvroType) -> dict[str, Any]:
    if isinstance(avro, str):
        return PRIMITIVES[avro]
    if isinstance(avro, dict) and avro["type"] == "record":
        return PRIMITIVES.get(str(avro["name"])) or _object(avro)
    if isinstance(avro, dict) and avro["type"] == "array":
        return _mapping(avro["items"])
    if isinstance(avro, dict):
        return PRIMITIVES[str(avro.get("logicalType", avro["type"]))]
    raise KeyError(avro)


def _object(avro: dict[str, Any]) -> dict[str, Any]:
    fields = [Field.model_validate(f) for f in avro["fields"]]
    return {"type": "object", "dynamic": "strict", "properties": {f.name: mapping_of(f) for f in fields}}


def _meta(field: Field) -> dict[str, Any]:
    return {"meta": {"unit": field.unit}} if field.unit and field.logical_type != "GeoPoint" else {}
