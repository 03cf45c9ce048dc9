"""CQL2 text and NGSI-LD's q as typed values, and what is said of those that are none."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.access.caller import anonymous
from serving.access.levels import Level
from serving.access.view import View, datasets, views
from serving.cql2 import condition as cql2
from serving.doors.ngsi.q import condition as q
from serving.doors.ngsi.types import EntityType, entity_types
from serving.problems import ProblemError
from serving.queries.conditions import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Everything,
    InBox,
    InPolygon,
    IsNull,
    Like,
    Not,
    OneOf,
)
from serving.queries.kinds import instant
from tests.servers.serving import probes

SEEN = View(next(datasets([probes()["probe_observed"]])), Level.OPEN, None)
RING = ((1.0, 43.0), (2.0, 43.0), (2.0, 44.0), (1.0, 43.0))
FREE = Compare("state", "=", "free")
NOT_FREE = AllOf((Not(IsNull("state")), Not(FREE)))
NOT_OPEN = AllOf((Not(IsNull("is_open")), Not(Compare("is_open", "=", True))))
WORDS = ["visits_count", "state", "and", "or", "not", "in", "is", "null", "like", "between", "(", ")", "=", "3", "'a'"]


def probe() -> EntityType:
    every = probes().values()
    return entity_types(every, views(every, anonymous("", 1), frozenset()))["ProbeObserved"]


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("visits_count > 3", Compare("visits_count", ">", 3)),
        ("3 > visits_count", Compare("visits_count", "<", 3)),
        ("\"state\" <> 'it''s'", Compare("state", "!=", "it's")),
        ("visits_count BETWEEN -1 AND 2.5",
         AllOf((Compare("visits_count", ">=", -1), Compare("visits_count", "<=", 2.5)))),
        ("state IN ('a', 'b')", OneOf("state", ("a", "b"))),
        ("state LIKE 'a%'", Like("state", "a%")),
        ("state IS NULL", IsNull("state")),
        ("state is not null", Not(IsNull("state"))),
        ("NOT state IS NULL", Not(IsNull("state"))),
        ("NOT state = 'free'", NOT_FREE),
        ("NOT (is_open AND state = 'free')", AnyOf((NOT_OPEN, NOT_FREE))),
        ("observed_at > DATE('2026-07-14')", Compare("observed_at", ">", instant("2026-07-14"))),
        ("S_INTERSECTS(location, BBOX(1, 43, 2, 44))", InBox("location", 1.0, 43.0, 2.0, 44.0)),
        ("S_INTERSECTS(location, POLYGON((1 43, 2 43, 2 44, 1 43)))", InPolygon("location", RING)),
        ("TRUE", Everything()),
        ("FALSE OR state = 'free'", AnyOf((Not(Everything()), FREE))),
    ],
)  # fmt: skip
def test_a_filter_means(text: str, meaning: Condition) -> None:
    assert cql2(text) == meaning


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "at character 1 stands the end"),
        ("visits_count >", "where TIMESTAMP('2026-07-14T12:00:00Z'), a number, a text in quotes, true or false"),
        ("observed_at > DATE('soon')", "2026-07-14T21:00:00Z"),
        ("operator_note = 'x'", "has no field 'operator_note'"),
        ("S_INTERSECTS(state, BBOX(1, 43, 2, 44))", "of the kind name"),
        ("(" * 100, "stands the end"),
    ],
)
def test_what_is_wrong_with_a_filter_is_said(text: str, says: str) -> None:
    with pytest.raises(ProblemError) as problem:
        SEEN.query(cql2(text))
    assert says in problem.value.detail


def test_a_form_lets_no_other_pattern_through() -> None:
    (clause,) = SEEN.query(Like("state", r"a%_\%\_*?\\"))["bool"]["filter"]
    assert clause == {"wildcard": {"state": {"value": r"a*?%_\*\?\\"}}}


def test_of_no_alternatives_none_holds() -> None:
    assert SEEN.query(AnyOf(()))["bool"]["filter"] == [{"match_none": {}}]


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("visitsCount>3", Compare("visits_count", ">", 3)),
        ('state=="free"', FREE),
        ("state==free", FREE),
        ("isOpen==true", Compare("is_open", "=", True)),
        ("visitsCount==1..3", AllOf((Compare("visits_count", ">=", 1), Compare("visits_count", "<=", 3)))),
        ("visitsCount==1.5..3", AllOf((Compare("visits_count", ">=", 1.5), Compare("visits_count", "<=", 3)))),
        ('state=="a","b"', OneOf("state", ("a", "b"))),
        ('state!="a","b"', AllOf((Not(IsNull("state")), Not(OneOf("state", ("a", "b")))))),
        ("state", Not(IsNull("state"))),
        ("observedAt>=2026-07-14T12:00:00Z", Compare("observed_at", ">=", instant("2026-07-14T12:00:00Z"))),
        ("(state==free|visitsCount<1);isOpen==false",
         AllOf((AnyOf((FREE, Compare("visits_count", "<", 1))), Compare("is_open", "=", False)))),
    ],
)  # fmt: skip
def test_q_means(text: str, meaning: Condition) -> None:
    assert q(text, probe()) == meaning


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "at character 1 stands the end"),
        ("visitsCount~=3", "at character 12"),
        ("operatorNote==x", "has no attribute 'operatorNote'; it has tenant"),
        ("nobody==1", "has no attribute 'nobody'; it has tenant"),
        ("visitsCount==x", "is not a number"),
    ],
)
def test_what_is_wrong_with_q_is_said(text: str, says: str) -> None:
    with pytest.raises(ProblemError) as problem:
        SEEN.query(q(text, probe()))
    assert says in problem.value.detail


@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)))
def test_any_text_is_a_condition_or_a_problem(text: str) -> None:
    for read in (lambda t: SEEN.query(cql2(t)), lambda t: SEEN.query(q(t, probe()))):
        with contextlib.suppress(ProblemError):
            read(text)
