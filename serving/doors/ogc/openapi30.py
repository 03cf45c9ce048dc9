"""The API's document in OpenAPI 3.0, for the paths of one door: standards and tools ask for that version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Document = dict[str, Any]
COMPONENTS = "#/components/"
NULL = {"type": "null"}


def downgraded(document: Mapping[str, Any], prefix: str, address: str) -> Document:
    """The part of an OpenAPI 3.1 document below a prefix, as OpenAPI 3.0, its paths as seen from the address."""
    paths = {
        path.removeprefix(prefix) or "/": _older(item)
        for path, item in document["paths"].items()
        if path == prefix or path.startswith(f"{prefix}/")
    }
    return {
        "openapi": "3.0.3",
        "info": document["info"],
        "servers": [{"url": address}],
        "paths": paths,
        "components": _used(document["components"], paths),
    }


def _used(components: Mapping[str, Any], paths: Document) -> Document:
    """The components that the paths refer to, and those that these refer to; all ways to give a key."""
    used: dict[str, Document] = {"securitySchemes": components.get("securitySchemes", {})}
    waiting = list(_references(paths))
    while waiting:
        kind, name = waiting.pop().removeprefix(COMPONENTS).split("/")
        if name not in used.setdefault(kind, {}):
            used[kind][name] = _older(components[kind][name])
            waiting += _references(used[kind][name])
    return used


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(reference := value.get("$ref"), str):
            yield reference
        for inner in value.values():
            yield from _references(inner)
    if isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _older(value: Any) -> Any:
    """What JSON Schema says in 2020-12, in the words of OpenAPI 3.0."""
    if isinstance(value, list):
        return [_older(v) for v in value]
    if not isinstance(value, Mapping):
        return value
    found = {k: _older(v) for k, v in value.items()}
    kinds = found.get("type")
    if isinstance(kinds, list):
        found["type"] = next(k for k in kinds if k != "null")
        found["nullable"] = "null" in kinds
    if NULL in found.get("anyOf", ()):
        others = [s for s in found.pop("anyOf") if s != NULL]
        found |= {**(others[0] if len(others) == 1 else {"anyOf": others}), "nullable": True}
    if "const" in found:
        found["enum"] = [found.pop("const")]
    for name, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(found.get(name), int | float) and not isinstance(found[name], bool):
            found[bound], found[name] = found[name], True
    return found
