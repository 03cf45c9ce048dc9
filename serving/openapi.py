"""The OpenAPI 3.1 document: the application's paths, those of datasets told for each that the caller may see."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from serving.access.view import View
from serving.doors.datasets import PREFIX
from serving.doors.ogc.addresses import COLLECTIONS
from serving.doors.ogc.collections import is_collection
from serving.models import document_schema, parameters
from serving.problems import MEDIA_TYPE

Document = dict[str, Any]
PROBLEM = {
    "type": "object",
    "description": "What is wrong and what to change (RFC 9457).",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail", "instance"],
}
REFERENCE = "#/components/schemas/"
OF_DATASET = f"{PREFIX}/{{dataset}}"
OF_COLLECTION = f"{COLLECTIONS}/{{dataset}}"
OF_DOCUMENTS = ("history", "latest")
OWN_ANSWERS = ("export", "live")
ITEMS = "/items"


def document(app: FastAPI, views: Mapping[str, View]) -> Document:
    """The OpenAPI document of what is to be seen."""
    found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    paths = {path: _with_problems(item) for path, item in found["paths"].items()}
    of_each = (f"{OF_DATASET}/", OF_COLLECTION)
    told = {path: item for path, item in paths.items() if not path.startswith(of_each)}
    for path, item in paths.items():
        if path not in told:
            told.update(_told(path, item, views))
        else:
            _enumerate(item, views)
    shared = _shared_parameters(told)
    schemas = {"Problem": PROBLEM, **{name: document_schema(v) for name, v in views.items()}}
    security = found.get("components", {}).get("securitySchemes", {})
    return {
        **found,
        "paths": told,
        "components": {"schemas": schemas, "parameters": shared, "securitySchemes": security},
    }


def _told(path: str, item: Document, views: Mapping[str, View]) -> Iterator[tuple[str, Document]]:
    """A path of datasets, once for each."""
    for name, view in views.items():
        if path.endswith("/latest") and view.dataset.is_latest:
            continue  # it is asked for by the name of the dataset itself
        is_collections = path.startswith(OF_COLLECTION)
        if is_collections and not is_collection(view):
            continue
        own = copy.deepcopy(item)
        for operation in own.values():
            operation["operationId"] += f"_{name}"
            operation["tags"] = [name]
            kept = [p for p in operation.get("parameters", []) if p["name"] != "dataset"]
            filters = parameters(view) if not is_collections or path.endswith(ITEMS) else []
            operation["parameters"] = kept + filters
            if not is_collections and (answer := _answer(path, name)) is not None:
                operation["responses"]["200"] = answer
        yield path.replace("{dataset}", name), own


def _answer(path: str, name: str) -> Document | None:
    """What a path answers, as the dataset's documents are; None where the path itself says it."""
    kind = path.removeprefix(f"{OF_DATASET}/").partition("/")[0]
    if kind in OWN_ANSWERS:
        return None
    row = {"$ref": REFERENCE + name} if kind in OF_DOCUMENTS else {"type": "object"}
    results = {"type": "array", "items": row}
    properties: Document = {"count": {"type": "integer"}, "results": results}
    if kind == "latest":
        properties["is_complete"] = {"type": "boolean"}
    if kind == "history":
        properties["cursor"] = {"type": ["string", "null"]}
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"description": "The answer.", "content": {"application/json": {"schema": schema}}}


def _shared_parameters(paths: Document) -> Document:
    """The parameters of all operations, each told once, and referred to where it belongs."""
    shared: dict[str, Document] = {}
    names: dict[str, str] = {}
    for operation in (o for item in paths.values() for o in item.values()):
        references = []
        for parameter in operation.get("parameters", []):
            text = json.dumps(parameter, sort_keys=True)
            name = names.setdefault(text, f"{parameter['name']}_{len(names)}")
            shared[name] = parameter
            references.append({"$ref": f"#/components/parameters/{name}"})
        operation["parameters"] = references
    return shared


def _enumerate(item: Document, views: Mapping[str, View]) -> None:
    for operation in item.values():
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path" and parameter["name"] in ("dataset", "dataset_id"):
                parameter["schema"] = {"type": "string", "enum": list(views)}


def _with_problems(item: Document) -> Document:
    """A path whose errors are problem documents, and not those of the web framework."""
    for operation in item.values():
        operation["responses"].pop("422", None)
        content = {MEDIA_TYPE: {"schema": {"$ref": f"{REFERENCE}Problem"}}}
        operation["responses"]["default"] = {"description": "A problem.", "content": content}
    return item
