"""What `garonne schemas check` refuses, before any data moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException

from schemas.contract import Contract, Kind
from schemas.mapping import UnmappableError, mapping_of
from schemas.validation import example, problems

NUMBERS = {"int", "long", "float", "double"}
EVENT_FIELDS = ("tenant", "entity_id", "observed_at", "ingested_at", "feed", "location", "flags")
RESULT_FIELDS = ("tenant", "entity_id", "window_start", "window_end", "observations_count", "flags", "last_ingested_at")


def faults(contract: Contract) -> list[str]:
    """Everything that is wrong with a contract by itself; empty when it may be used."""
    return [f"{contract.name}: {fault}" for check in CHECKS for fault in check(contract)]


def _parses(contract: Contract) -> Iterator[str]:
    try:
        fastavro.parse_schema(contract.avro)
    except (SchemaParseException, KeyError, TypeError, ValueError) as e:
        yield f"not an Avro schema: {e}"


def _documented(contract: Contract) -> Iterator[str]:
    for f in contract.fields:
        if not f.doc:
            yield f"{f.name} has no doc"
        if f.logical_type in NUMBERS and not f.unit:
            yield f"{f.name} is a number without a unit ('1' for a count or a ratio)"


def _mappable(contract: Contract) -> Iterator[str]:
    for f in contract.fields:
        try:
            mapping_of(f)
        except UnmappableError as e:
            yield str(e)


def _keyed(contract: Contract) -> Iterator[str]:
    required = {f.name for f in contract.fields if not f.is_optional}
    for name in (*contract.key, contract.time, contract.version, "tenant"):
        if name not in required:
            yield f"{name} identifies or dates a document, so it must be there and never null"
    if contract.kind is Kind.RESULT and contract.time not in contract.key:
        yield f"{contract.time} chooses the index, so it must be part of the key: an id lives in one index for ever"


def _common(contract: Contract) -> Iterator[str]:
    wanted = {Kind.EVENT: EVENT_FIELDS, Kind.RESULT: RESULT_FIELDS}.get(contract.kind, ())
    for name in wanted:
        if name not in contract.field_names:
            yield f"every {contract.kind} has a field {name}"


def _modelled(contract: Contract) -> Iterator[str]:
    model = contract.declaration.smart_data_model
    names = model.attributes if model else {}
    for name in names:
        if name not in contract.field_names:
            yield f"{name} has a name in the Smart Data Model, and is not a field"
    if len(set(names.values())) < len(names):
        yield "two fields have one name in the Smart Data Model"


def _examples(contract: Contract) -> Iterator[str]:
    paths = list(contract.examples())
    for verdict in ("pass", "fail"):
        if not any(p.name.endswith(f".{verdict}.json") for p in paths):
            yield f"no example <case>.{verdict}.json"
    for path in paths:
        found = problems(contract, example(contract, path))
        if path.name.endswith(".pass.json") and found:
            yield f"{path.name} should pass: {'; '.join(found)}"
        elif path.name.endswith(".fail.json") and not found:
            yield f"{path.name} should fail, and does not"
        elif not path.name.endswith((".pass.json", ".fail.json")):
            yield f"{path.name} does not say whether it should pass or fail"


CHECKS: tuple[Callable[[Contract], Iterator[str]], ...] = (
    _parses,
    _documented,
    _mappable,
    _keyed,
    _common,
    _modelled,
    _examples,
)


def incompatibilities(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Why data written with ``old`` could not be read, indexed and compared with ``new``; empty when it could.

    Stricter than Avro's BACKWARD: a type or a unit that changes would change a mapping or the meaning of a figure.
    """
    before = {f["name"]: f for f in old["fields"]}
    after = {f["name"]: f for f in new["fields"]}
    gone = [f"{n}: removed; keep it, Elasticsearch still holds it" for n in before if n not in after]
    bare = [f"{n}: new, so it needs a default" for n in after if n not in before and "default" not in after[n]]
    return gone + bare + [x for n in before if n in after for x in _changes(before[n], after[n])]


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    name = old["name"]
    if _bare(old["type"]) != _bare(new["type"]):
        yield f"{name}: type changed from {old['type']} to {new['type']}"
    elif _nullable(old["type"]) and not _nullable(new["type"]):
        yield f"{name}: was optional, old data may hold null"
    if old.get("unit") != new.get("unit"):
        yield f"{name}: unit changed from {old.get('unit')} to {new.get('unit')}; add a field instead"


def _nullable(avro: Any) -> bool:
    return isinstance(avro, list) and "null" in avro


def _bare(avro: Any) -> Any:
    """The type without null and without prose."""
    if isinstance(avro, list):
        rest = [_bare(t) for t in avro if t != "null"]
        return rest[0] if len(rest) == 1 else rest
    if isinstance(avro, dict):
        return {k: _bare(v) if k in ("type", "items") else v for k, v in avro.items() if k not in ("doc", "fields")} | (
            {"fields": [(f["name"], str(_bare(f["type"]))) for f in avro["fields"]]} if "fields" in avro else {}
        )
    return avro
