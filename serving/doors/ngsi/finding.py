"""Entities of a type: how many there are, some of them as they are now, and as they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from serving import problems
from serving.doors.ngsi.types import EntityType
from serving.queries import identity
from serving.queries.bodies import Order
from serving.queries.conditions import AllOf, AnyOf, Condition, OneOf
from serving.queries.measures import Grouping
from serving.queries.reader import MAX_GROUPS, MAX_SIZE, Reader

Document = dict[str, Any]
MAX_NAMED = 1000


@dataclass(frozen=True)
class History:
    """What was the case with entities, of each the newest first; it may not be all."""

    total: int
    entities: list[list[Document]]
    is_complete: bool


def now(
    reader: Reader, of: EntityType, among: Condition, states: Sequence[Condition], offset: int, limit: int
) -> tuple[int, list[Document]]:
    """How many entities are so, and the state of some.

    Raises:
        ProblemError: there are more than can be told.
    """
    wanted = AllOf((among, *states))
    fields = list(of.now.fields)
    if of.now.dataset.is_latest:
        return reader.some(of.now, wanted, fields, [Order(name) for name in of.key], offset, limit)
    named = [*of.key, of.contract.time]
    found = reader.newest(of.now, wanted, named, MAX_GROUPS + 1)
    if len(found) > MAX_GROUPS:
        raise problems.bad_query(f"more than {MAX_GROUPS:,} entities; ask for fewer tenants or by id")
    if states:  # it may have been so once, and be so no longer
        entities = [d["entity_id"] for d in found] if "entity_id" in of.key else []
        narrowed = [OneOf("entity_id", tuple(dict.fromkeys(entities)))] if 0 < len(entities) <= MAX_NAMED else []
        newest = reader.newest(of.now, AllOf((among, *narrowed)), named, MAX_GROUPS)
        found = [d for d in found if d in newest]
    page = found[offset : offset + limit]
    if not page:
        return len(found), []
    same = AnyOf(tuple(identity.same(of.now, named, d) for d in page))
    return len(found), reader.newest(of.now, same, fields, len(page))


def ever(
    reader: Reader, of: EntityType, wanted: Condition, times: Condition, offset: int, limit: int, last: int | None
) -> History:
    """The history of some entities of which something held, in a time."""
    groups = [Grouping(name, name) for name in of.key]
    found = reader.groups(of.ever, AllOf((wanted, times)), groups, ())
    page = found[offset : offset + limit]
    if not page:
        return History(len(found), [], True)
    those = AllOf((times, AnyOf(tuple(identity.same(of.ever, of.key, d) for d in page))))
    fields = list(of.ever.fields)
    if last is not None:
        documents, is_complete = reader.newest(of.ever, those, fields, len(page), last), True
    else:
        order = [Order(of.contract.time, is_descending=True)]
        total, documents = reader.some(of.ever, those, fields, order, 0, MAX_SIZE)
        is_complete = total == len(documents)
    by_entity: dict[str, list[Document]] = {}
    for document in documents:
        by_entity.setdefault(of.urn(document), []).append(document)
    return History(len(found), sorted(by_entity.values(), key=lambda d: of.urn(d[0])), is_complete)
