r"""Paths of a declared mapping as functions.

``a.b`` goes into objects, ``a.0`` into lists, ``a[type=P1].value`` takes the item of a list that has that value,
``$.a`` starts at the document instead of the record, and ``\.`` is a dot inside a name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

#: Takes the record and the document it stands in; gives None when nothing is there.
Getter = Callable[[Any, Any], Any]
Resolve = Callable[[str], Getter]
Step = Callable[[Any], Any]

_PART = re.compile(r"(?:\\.|[^\\.\[\]])+|\[[^\[\]=]+=[^\[\]]*\]|\.")


def json_getter(path: str) -> Getter:
    """What stands at a path of a JSON record.

    Raises:
        ValueError: it is not a path.
    """
    from_document = path.startswith("$.")
    parts = _parts(path.removeprefix("$."), path)
    if len(parts) == 1 and not parts[0].startswith("[") and not from_document:
        key = _unescaped(parts[0])
        return lambda record, _: record.get(key)
    steps = tuple(_step(p) for p in parts)

    def get(record: Any, document: Any) -> Any:
        value = document if from_document else record
        for step in steps:
            value = step(value)
            if value is None:
                return None
        return value

    return get


def first_of(getters: Sequence[Getter]) -> Getter:
    """The first of several places where something stands."""
    if len(getters) == 1:
        return getters[0]

    def get(record: Any, document: Any) -> Any:
        for getter in getters:
            value = getter(record, document)
            if value is not None and value != "":
                return value
        return None

    return get


def holding(path: str, document: Any, value: Any) -> Any:
    """A document with nothing in it but a value, which stands where the path leads in this one."""
    return _holding(_parts(path.removeprefix("$."), path), document, value)


def merged(one: Any, other: Any) -> Any:
    """What two documents hold together; where they differ, what the first says."""
    if type(one) is not dict or type(other) is not dict:
        return one
    return {**other, **{k: merged(v, other[k]) if k in other else v for k, v in one.items()}}


def _holding(parts: Sequence[str], around: Any, value: Any) -> Any:
    if not parts:
        return value
    part = parts[0]
    found = _step(part)(around)
    inner = _holding(parts[1:], found, value)
    if part.startswith("["):
        key = part[1:-1].split("=", 1)[0]
        return [merged(inner, {key: found[key]})]
    name = _unescaped(part)
    return [*[None] * int(name), inner] if type(around) is list else {name: inner}


def _parts(text: str, path: str) -> list[str]:
    parts = _PART.findall(text)
    names = [p for p in parts if p != "."]
    dots = [i for i, p in enumerate(parts) if p == "."]
    stray = any(i + 1 == len(parts) or i == 0 or parts[i + 1] == "." for i in dots)
    if not names or stray or "".join(parts) != text:
        raise ValueError(f"{path!r} is not a path; write a.b, a.0, a[key=value].b or $.a")
    return names


def _unescaped(part: str) -> str:
    return re.sub(r"\\(.)", r"\1", part)


def _step(part: str) -> Step:
    if part.startswith("["):
        key, wanted = part[1:-1].split("=", 1)
        return lambda value: _selected(value, key, wanted)
    name = _unescaped(part)
    if not name.isdecimal():
        return lambda value: value.get(name) if type(value) is dict else None
    index = int(name)
    return lambda value: _item(value, name, index)


def _item(value: Any, name: str, index: int) -> Any:
    if type(value) is list:
        return value[index] if index < len(value) else None
    return value.get(name) if type(value) is dict else None


def _selected(value: Any, key: str, wanted: str) -> Any:
    if type(value) is not list:
        return None
    return next((v for v in value if type(v) is dict and str(v.get(key)) == wanted), None)
