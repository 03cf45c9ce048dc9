"""Names of documents and of entities: the values of their keys as one text, and the condition that finds them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

from schemas.documents import id_time
from serving.access.view import View
from serving.queries.conditions import AllOf, Compare, Condition
from serving.queries.kinds import FieldKind, instant, kind_of

PLAIN = ":/@+,="  # beside letters and digits; all else is written as %XX


def document_key(view: View) -> tuple[str, ...]:
    """The fields that tell a document of a dataset from all others."""
    return entity_key(view) if view.dataset.is_latest else view.dataset.contract.key


def entity_key(view: View) -> tuple[str, ...]:
    """The fields that tell an entity from all others."""
    contract = view.dataset.contract
    return tuple(name for name in contract.key if name != contract.time)


def is_named(view: View) -> bool:
    """Whether the caller may see all that a document is named by."""
    return set(view.dataset.contract.key) <= set(view.fields)


def named(view: View, key: Sequence[str], document: Mapping[str, Any], separator: str) -> str:
    """The name of a document or entity; %XX for signs that are not plain, or that separate before the last part."""
    *parts, last = (_text(view, name, document[name]) for name in key)
    plain = PLAIN.replace(separator, "")
    return separator.join([*(quote(part, safe=plain) for part in parts), quote(last, safe=PLAIN)])


def condition(view: View, key: Sequence[str], name: str, separator: str) -> Condition | None:
    """The condition for a name; None when nothing can be called so."""
    values = [unquote(part) for part in name.split(separator, len(key) - 1)]
    if len(values) != len(key):
        return None
    try:
        for field, value in zip(key, values, strict=True):
            if kind_of(view.field(field)) is FieldKind.TIME:
                instant(value)
    except ValueError:
        return None
    return AllOf(tuple(Compare(field, "=", value) for field, value in zip(key, values, strict=True)))


def same(view: View, key: Sequence[str], document: Mapping[str, Any]) -> Condition:
    """The condition for the documents that have the same key as this one."""
    return AllOf(tuple(Compare(name, "=", _text(view, name, document[name])) for name in key))


def _text(view: View, name: str, value: Any) -> str:
    return id_time(instant(value)) if kind_of(view.field(name)) is FieldKind.TIME else str(value)
