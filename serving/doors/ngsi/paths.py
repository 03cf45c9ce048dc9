"""The paths: entities, their evolution, their types, and the context that says what the names mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import orjson
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from serving import problems
from serving.access.view import views
from serving.dialects import NGSI_LD
from serving.doors.asking import Asking, Known
from serving.doors.asking import tenants as checked
from serving.doors.datasets import require_known
from serving.doors.ngsi import finding, schemas
from serving.doors.ngsi.parameters import (
    Many,
    ManyInTime,
    One,
    OneInTime,
    Types,
    Whose,
    condition,
    ids,
    of_entities,
    of_states,
    of_times,
    options,
    shown,
    tenants,
)
from serving.doors.ngsi.representation import (
    evolution,
    kind_name,
    normalized,
    simplified,
    utc,
    values_in_time,
)
from serving.doors.ngsi.types import URN, EntityType, entity_types, type_named
from serving.problems import ProblemError

PREFIX = f"{NGSI_LD}/v1"
CORE = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"
JSON_LD = "application/ld+json"
CONTEXT_REL = "http://www.w3.org/ns/json-ld#context"
SIMPLE = {"keyValues", "simplified"}
router = APIRouter(prefix=PREFIX, tags=["NGSI-LD"])


@router.get("/entities/", include_in_schema=False)
@router.get("/entities", summary="Entities", responses=schemas.OF_ENTITIES)
def entities(request: Request, who: Asking, known: Known, asked: Annotated[Many, Query()]) -> Response:
    """Entities of one type, as they are now."""
    require_known(request, Many.names())
    of = _type(request, who, known, asked)
    named, states = ids(asked), of_states(asked, of)
    among = of_entities(named, of) if named else condition(())
    show, attributes = simplified if SIMPLE & options(asked) else normalized, shown(asked, of)
    total, documents = finding.now(known.reader, of, among, states, asked.offset, asked.limit)
    return _page(request, of, [show(of, d, attributes) for d in documents], total, asked)


@router.get("/entities/{entity:path}", summary="One entity", responses=schemas.OF_ENTITY)
def entity(request: Request, entity: str, who: Asking, known: Known, asked: Annotated[One, Query()]) -> Response:
    """An entity, as it is now."""
    require_known(request, One.names())
    of = _type_of(request, who, known, asked, entity)
    show, attributes = simplified if SIMPLE & options(asked) else normalized, shown(asked, of)
    _, documents = finding.now(known.reader, of, of_entities([entity], of), (), 0, 1)
    if not documents:
        raise _unknown(entity)
    return _answer(request, of, show(of, documents[0], attributes))


@router.get("/temporal/entities/", include_in_schema=False)
@router.get("/temporal/entities", summary="Entities in time", responses=schemas.OF_EVOLUTIONS)
def temporal_entities(request: Request, who: Asking, known: Known, asked: Annotated[ManyInTime, Query()]) -> Response:
    """Entities of one type of which something held in a time, as they were then."""
    require_known(request, ManyInTime.names())
    of = _type(request, who, known, asked)
    named = ids(asked)
    wanted = condition([*([of_entities(named, of)] if named else []), *of_states(asked, of)])
    show, attributes, times = _in_time(asked), shown(asked, of), condition(of_times(asked, of))
    found = finding.ever(known.reader, of, wanted, times, asked.offset, asked.limit, asked.last_n)
    told = [show(of, documents, attributes) for documents in found.entities]
    return _page(request, of, told, found.total, asked, *_partial(of, found))


@router.get("/temporal/entities/{entity:path}", summary="One entity in time", responses=schemas.OF_EVOLUTION)
def temporal_entity(
    request: Request, entity: str, who: Asking, known: Known, asked: Annotated[OneInTime, Query()]
) -> Response:
    """An entity, as it was in a time."""
    require_known(request, OneInTime.names())
    of = _type_of(request, who, known, asked, entity)
    show, attributes, times = _in_time(asked), shown(asked, of), condition(of_times(asked, of))
    found = finding.ever(known.reader, of, of_entities([entity], of), times, 0, 1, asked.last_n)
    if not found.entities:
        raise _unknown(entity)
    status, headers = _partial(of, found)
    return _answer(request, of, show(of, found.entities[0], attributes), status, headers)


@router.get("/types/", include_in_schema=False)
@router.get("/types", summary="Types of entities", responses=schemas.OF_TYPES)
def types(request: Request, who: Asking, known: Known, asked: Annotated[Types, Query()]) -> Response:
    """The types that the caller may see."""
    require_known(request, Types.names())
    every = _types(request, who, known, asked)
    if asked.details:
        return _json([{**_about(t), "attributeNames": list(t.attributes)} for t in every.values()])
    return _json({"id": f"{URN}:EntityTypeList:garonne", "type": "EntityTypeList", "typeList": list(every)})


@router.get("/types/{name}", summary="One type", responses=schemas.OF_TYPE)
def one_type(request: Request, name: str, who: Asking, known: Known, asked: Annotated[Whose, Query()]) -> Response:
    """A type, with its attributes and the number of its entities."""
    require_known(request, Whose.names())
    of = type_named(_types(request, who, known, asked), name)
    total, _ = finding.now(known.reader, of, condition(()), (), 0, 0)
    details = [
        {"id": of.attribute_iri(a), "type": "Attribute", "attributeName": a, "attributeTypes": [kind_name(f)]}
        for a, f in of.attributes.items()
    ]
    return _json({**_about(of), "type": "EntityTypeInformation", "entityCount": total, "attributeDetails": details})


@router.get("/jsonldContexts/{name}", summary="What the names of a type mean", responses=schemas.OF_CONTEXT)
def context(request: Request, name: str, who: Asking, known: Known, asked: Annotated[Whose, Query()]) -> Response:
    """The JSON-LD context of a type."""
    require_known(request, Whose.names())
    of = type_named(_types(request, who, known, asked), name)
    terms = {of.name: of.iri, **{a: of.attribute_iri(a) for a in of.attributes}}
    return _json({"@context": [terms, CORE]}, media_type=JSON_LD)


def _types(request: Request, who: Asking, known: Known, asked: Whose) -> dict[str, EntityType]:
    every = known.contracts.values()
    return entity_types(every, views(every, who, checked(tenants(request, asked))))


def _type(request: Request, who: Asking, known: Known, asked: Many) -> EntityType:
    """The one type that a question is about, by its name or by the ids."""
    every = _types(request, who, known, asked)
    names = asked.type.split(",") if asked.type else sorted({_type_in(name) for name in ids(asked)})
    if len(names) != 1:
        raise problems.bad_parameter("type", f"name one type; there are {', '.join(every)}")
    return _kept(request, type_named(every, names[0].strip()))


def _type_of(request: Request, who: Asking, known: Known, asked: Whose, entity: str) -> EntityType:
    every = _types(request, who, known, asked)
    if _type_in(entity) not in every:
        raise _unknown(entity)
    return _kept(request, every[_type_in(entity)])


def _type_in(urn: str) -> str:
    return urn.removeprefix(f"{URN}:").partition(":")[0]


def _kept(request: Request, of: EntityType) -> EntityType:
    request.state.view = of.now  # for the record of accesses
    return of


def _about(of: EntityType) -> dict[str, Any]:
    return {"id": of.iri, "type": "EntityType", "typeName": of.name}


def _in_time(asked: One) -> Any:
    return values_in_time if {"temporalValues", *SIMPLE} & options(asked) else evolution


def _partial(of: EntityType, found: finding.History) -> tuple[int, dict[str, str]]:
    """206 and which times are there, when it is not all."""
    if found.is_complete:
        return 200, {}
    times = [utc(d[of.contract.time]) for documents in found.entities for d in documents]
    return 206, {"Content-Range": f"date-time {max(times)}-{min(times)}/*"}


def _unknown(entity: str) -> ProblemError:
    return ProblemError(404, "unknown-entity", f"there is no entity {problems.cut(entity)!r}")


def _page(
    request: Request,
    of: EntityType,
    found: Sequence[Mapping[str, Any]],
    total: int,
    asked: Many,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    counted = {"NGSILD-Results-Count": str(total)} if asked.count or "count" in options(asked) else {}
    links = []
    if asked.limit and asked.offset + asked.limit < total:
        given = [(k, v) for k, v in request.query_params.multi_items() if k != "offset"]
        query = urlencode([*given, ("offset", str(asked.offset + asked.limit))])
        links = [f'<{request.url.path}?{query}>; rel="next"; type="application/json"']
    return _answer(request, of, list(found), status, {**counted, **(headers or {})}, links)


def _answer(
    request: Request,
    of: EntityType,
    found: Any,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    links: Sequence[str] = (),
) -> Response:
    """Entities as JSON with a link to their context, or as JSON-LD with it inside."""
    context = f"{str(request.base_url).rstrip('/')}{PREFIX}/jsonldContexts/{quote(of.name)}"
    if JSON_LD in request.headers.get("accept", ""):
        inside = {"@context": [context, CORE]}
        found = [{**e, **inside} for e in found] if isinstance(found, list) else {**found, **inside}
        return _json(found, status, {**(headers or {}), **_link(links)}, JSON_LD)
    outside = f'<{context}>; rel="{CONTEXT_REL}"; type="{JSON_LD}"'
    return _json(found, status, {**(headers or {}), **_link([outside, *links])})


def _link(links: Sequence[str]) -> dict[str, str]:
    return {"Link": ", ".join(links)} if links else {}


def _json(
    content: Any, status: int = 200, headers: Mapping[str, str] | None = None, media_type: str = "application/json"
) -> Response:
    return Response(orjson.dumps(content), status, dict(headers or {}), media_type)
