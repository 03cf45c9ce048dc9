from __future__ import annotations

from typing import Any

import pytest

from connectors.formats._paths import first_of, json_getter

RECORD = {
    "a": {"b": [10, {"c": 0}], "x.y": "dot", "1": "key"},
    "values": [{"type": "P1", "value": 12.5}, {"type": "P2", "value": 7}, "stray"],
    "zero": 0,
    "nothing": None,
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("zero", 0),
        ("nothing", None),
        ("not.there", None),
        ("a.b.0", 10),
        ("a.b.1.c", 0),
        ("a.b.7", None),
        (r"a.x\.y", "dot"),
        ("a.1", "key"),
        ("values[type=P2].value", 7),
        ("values[type=P9].value", None),
        ("a[type=P1]", None),
        ("zero.deeper", None),
        ("$.top.level", "document"),
    ],
)
def test_a_path_gives_what_stands_there(path: str, expected: Any) -> None:
    assert json_getter(path)(RECORD, {"top": {"level": "document"}}) == expected


@pytest.mark.parametrize("path", ["", ".", "a..b", ".a", "a.", "a[b]", "a[b=c", "$.", "a]"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="is not a path"):
        json_getter(path)


def test_the_first_place_where_something_stands_is_taken() -> None:
    get = first_of([json_getter(p) for p in ("nothing", "empty", "zero", "a")])

    assert get({**RECORD, "empty": ""}, None) == 0
